import ArgumentParser
import Provenance
import RiffProtocol
import SwiftProtobuf

/// One sound of a batch: all that is sent for it, and what its file is called.
struct BatchItem: Sendable {
  /// Its place among all, from 1.
  var number: Int
  /// Of how many, for the width of the number in names.
  var count: Int
  /// Where the file says it.
  var place: String
  var request: JobRequest
  /// What is uploaded.
  var source: String?
  var format: MediaFormat
  /// The file's name without extension, where the batch gives one.
  var name: String?
  /// Whether its spectrogram is written beside it.
  var keepsPicture = false
  /// Tells it from others, in another run, too.
  var key = ""

  /// The name of its file, without extension: "0012-church-bells".
  var stem: String {
    if let name { return name }
    let digits = "\(self.number)"
    let width = max(3, "\(self.count)".count)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits + "-"
      + self.request.stem(source: self.source)
  }

  /// What it is called in messages and in the index.
  var title: String {
    switch self.request {
    case .generate(let request): request.prompt
    case .remix(let options): options.generate.prompt
    case .morph(let options): "\(options.from.prompt) → \(options.to.prompt)"
    case .render: self.source ?? ""
    }
  }

  /// A digest of the request: equal ones have equal keys.
  var digest: String {
    let bytes: [UInt8]? =
      switch self.request {
      case .generate(let request): try? request.serializedBytes()
      case .remix(let options): try? options.serializedBytes()
      case .morph(let options): try? options.serializedBytes()
      case .render(let options): try? options.serializedBytes()
      }
    let words = [self.source ?? "", self.name ?? "", self.format.rawValue]
    return Fingerprint(of: (bytes ?? []) + words.joined(separator: "\0").utf8).description
  }
}

/// Reads a batch's entries, each as the options of `riff generate`.
struct BatchReader {
  let file: BatchFile
  /// What holds for all entries that say nothing else.
  let common: [String]
  /// The daemon's, by which a checkpoint of riffusion's is found.
  let models: [Riff_V1_Model]
  let keepsPictures: Bool
  private let options = CommandOptions(Riff.Generate.self)

  /// Names that riffusion and the protocol have for options.
  private static let names = [
    "negative_prompt": "negative", "num_inference_steps": "steps", "guidance_scale": "guidance",
    "duration_seconds": "duration", "init_image": "init", "denoising": "strength",
    "mask_image": "mask", "fade_ms": "fade", "start_seconds": "start", "seeds": "count",
  ]
  /// What diffusers calls samplers, as riffusion's files do.
  private static let schedulers = [
    "DDIMScheduler": "ddim", "PNDMScheduler": "pndm", "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler-a", "DPMSolverMultistepScheduler": "dpm++2m",
    "UniPCMultistepScheduler": "unipc", "DEISMultistepScheduler": "deis",
    "LMSDiscreteScheduler": "lms", "HeunDiscreteScheduler": "heun", "LCMScheduler": "lcm",
  ]

  init(
    _ file: BatchFile, common: [String], models: [Riff_V1_Model], keepsPictures: Bool
  ) {
    self.keepsPictures = keepsPictures
    self.file = file
    self.common = common
    self.models = models
  }

  /// All items, takes of their own for counts, and what there is to say about them.
  ///
  /// - Throws: ``Failure`` with all that is wrong, a line each.
  func items() throws -> (items: [BatchItem], warnings: [String]) {
    var items: [BatchItem] = []
    var faults: [String] = []
    var warnings: [String] = []
    for entry in self.file.entries {
      do {
        items += try self.items(of: entry, &warnings)
      } catch let failure as Failure {
        faults.append(self.file.failure(failure.message, entry.place).message)
        if faults.count == Self.mostFaults { break }
      }
    }
    guard faults.isEmpty else { throw Failure(message: faults.joined(separator: "\n")) }
    var seen: [String: Int] = [:]
    for index in items.indices {
      items[index].number = index + 1
      items[index].count = items.count
      // The same thing twice is two things.
      let digest = items[index].digest
      let before = seen[digest, default: 0]
      seen[digest] = before + 1
      items[index].key = before == 0 ? digest : "\(digest)-\(before + 1)"
    }
    return (items, warnings)
  }

  private static let mostFaults = 20

  private func items(
    of entry: BatchFile.Entry, _ warnings: inout [String]
  ) throws -> [BatchItem] {
    var arguments: [String] = []
    var prompt: String?
    var name: String?
    for (key, values) in entry.settings {
      let known = Self.names[key] ?? key
      switch (known, values.count) {
      case (_, 0): continue
      case ("prompt", 1): prompt = values[0]
      case ("output", 1), ("name", 1): name = try Self.fileName(values[0])
      case ("preset", 1): arguments.append("--preset=\(values[0])")
      case ("checkpoint", 1):
        if let model = self.model(checkpoint: values[0]) {
          arguments.append("--model=\(model)")
        } else {
          let warning =
            "the daemon has no model \(values[0]); its default paints what asks for that"
          if !warnings.contains(warning) { warnings.append(warning) }
        }
      case ("scheduler", 1):
        arguments.append("--scheduler=\(Self.schedulers[values[0]] ?? values[0])")
      case ("init", 1), ("mask", 1):
        let path = values[0].hasPrefix("/") ? values[0] : self.file.folder + values[0]
        arguments.append("--\(known)=\(path)")
      default: arguments += try self.options.arguments(known, values)
      }
    }
    guard let prompt else { throw Failure(message: "“prompt” is missing") }
    let command = try Self.parse(self.common + arguments, prompt: prompt)
    let takes = command.count ?? 1
    var (request, source) = try command.job(nil)
    let format = command.sound.format?.format ?? .opus
    request = try command.soundAlone(request, format: format)
    request.change { $0.wantSpectrogram = self.keepsPictures }
    if let source {
      _ = try InputFile(path: source)
      try request.name(upload: source, like: nil)
    }
    if takes > 1 { try request.fixSeed(takes: takes, random: self.seed(of: entry)) }
    return (0..<takes).map { take in
      BatchItem(
        number: 0, count: 0, place: entry.place, request: request.take(take), source: source,
        format: format, name: name.map { takes > 1 ? "\($0)-\(take + 1)" : $0 },
        keepsPicture: self.keepsPictures)
    }
  }

  /// Where the takes of an entry without a seed begin: always at the same, so that a run can be taken up
  /// where it stopped.
  private func seed(of entry: BatchFile.Entry) -> UInt64 {
    let text = "\(entry.place) \(entry.settings)"
    return Fingerprint(of: Array(text.utf8)).value & 0x7FFF_FFFF
  }

  private static func parse(_ arguments: [String], prompt: String) throws -> Riff.Generate {
    let typed = ["generate"] + arguments + ["--", prompt]
    do {
      let command = try Riff.parseAsRoot(try CommandLineExpansion(typed).arguments)
      if let command = command as? Riff.Generate { return command }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(message: UsageError.plain(Riff.message(for: error)))
    }
    throw Failure(message: "it is not what riff generate takes")
  }

  /// The daemon's model that a checkpoint's name means: OWNER/NAME of a hub, or a name.
  private func model(checkpoint: String) -> String? {
    let last = checkpoint.split(separator: "/").last.map(String.init) ?? checkpoint
    let folder = "models--" + checkpoint.split(separator: "/").joined(separator: "--")
    return self.models.first { $0.name == checkpoint || $0.name == last }?.name
      ?? self.models.first { model in
        let parts = model.path.split(separator: "/").map(String.init)
        return parts.contains(folder)
          || parts.last.map { FileName.withoutExtension($0) == last } == true
      }?.name
  }

  /// A name in the output folder, and nowhere else; the format's extension is added.
  private static func fileName(_ text: String) throws -> String {
    let name = MediaFormat(fileName: text) == nil ? text : FileName.withoutExtension(text)
    guard !name.isEmpty, !name.contains("/"), !name.hasPrefix("."), name.utf8.count <= 180,
      !name.unicodeScalars.contains(where: { $0.value < 0x20 })
    else {
      throw Failure(message: "“\(text.prefix(100))” is not a name for a file in the folder")
    }
    return name
  }
}
