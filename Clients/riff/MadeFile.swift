import Provenance
import RiffProtocol

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A file that riff made, and the request that makes it again.
struct MadeFile {
  let path: String
  let recipe: Recipe

  /// - Throws: ``Failure`` when it cannot be read, or does not say how it was made.
  init(path: String) throws {
    self.path = path
    let notes = FileNotes(fileStart: try InputFile(path: path).start(FileNotes.length))
    guard let recipe = notes?.recipe else {
      throw Failure(message: "\(path) does not say how it was made: riff did not make it")
    }
    self.recipe = recipe
  }

  /// What Generate or Remix was asked for.
  ///
  /// - Throws: ``Failure`` where another command made the file, or a setting cannot be read.
  func request() throws -> Riff_V1_GenerateRequest {
    switch self.recipe["method"] {
    case "Generate", "Remix": break
    case "Render": throw self.failure("was made by riff render, from a picture; render that again")
    case "Morph": throw self.failure("was made by riff morph; run that again")
    case "Jam": throw self.failure("was made by riff jam, and what was said meanwhile is not in it")
    case "Analyze": throw self.failure("was made by riff spectrogram; run that again")
    default: throw self.failure("does not say by which command it was made")
    }
    var request = Riff_V1_GenerateRequest()
    request.prompt = self.recipe["prompt"] ?? ""
    request.negativePrompt = self.recipe["negative_prompt"] ?? ""
    request.model = self.recipe["model"] ?? ""
    request.scheduler = self.recipe["scheduler"] ?? ""
    if let seed = try self.number("seed", UInt64.init) { request.seed = seed }
    if let steps = try self.number("steps", UInt32.init) { request.steps = steps }
    if let scale = try self.number("guidance_scale", Float.init) { request.guidanceScale = scale }
    if let eta = try self.number("eta", Double.init) { request.eta = eta }
    if let weighting = try self.number("prompt_weighting", Bool.init) {
      request.promptWeighting = weighting
    }
    if let loras = try self.number("loras", Self.loras) { request.loras = loras }
    // The width follows from a duration.
    if let seconds = try self.number("duration_seconds", Double.init) {
      request.durationSeconds = seconds
    } else if let width = try self.number("width", UInt32.init) {
      request.width = width
    }
    if let bpm = try self.number("bpm", Double.init) { request.bpm = bpm }
    if let height = try self.number("height", UInt32.init) { request.height = height }
    if let rate = try self.number("opus.bitrate", UInt32.init) { request.opus.bitrate = rate }
    if let rate = try self.number("mp3.bitrate", UInt32.init) { request.mp3.bitrate = rate }
    if let fade = try self.number("fade_ms", UInt32.init) { request.fadeMs = fade }
    if let format = try self.number("sample_format", Self.sampleFormat) {
      request.sampleFormat = format
    }
    if let quality = try self.number("quality", SoundFlags.Quality.init(rawValue:)) {
      request.quality = quality.value
    }
    return request
  }

  /// How far the upload was painted over; nil where there was none.
  func strength() throws -> Double? { try self.number("strength", Double.init) }

  /// Where in the upload the window began, in seconds; nil: at its start.
  func start() throws -> Double? { try self.number("start_seconds", Double.init) }

  /// The upload's path; nil where the file was made from none. It is looked for by its name beside the
  /// made file and in the current folder, and taken if its content is the same.
  ///
  /// - Throws: ``Failure`` that asks for it.
  func upload() throws -> String? {
    guard self.recipe["method"] == "Remix", let fingerprint = self.recipe["file_fingerprint"] else {
      return nil
    }
    let name = self.recipe["file_name"].map { String($0.split(separator: "/").last ?? "") } ?? ""
    guard !name.isEmpty else {
      throw self.failure("was made from another file, whose name is not known; give it with --init")
    }
    let folder = self.path.lastIndex(of: "/").map { String(self.path[...$0]) } ?? ""
    var others: [String] = []
    for candidate in Set([folder + name, name]).sorted() {
      guard let file = try? InputFile(path: candidate) else { continue }
      if try file.fingerprint().description == fingerprint { return candidate }
      others.append(candidate)
    }
    throw self.failure(
      others.isEmpty
        ? "was made from \(name), which is neither beside it nor here; give it with --init"
        : "was made from \(name), but \(others.joined(separator: " and ")) has other content; give "
          + "the right one with --init")
  }

  /// The extension that the file's kind has: opus, wav, flac, mp3 or png.
  var fileExtension: String {
    switch self.recipe["output"] {
    case "wav", "pcm_f32", "pcm_s24": "wav"
    case "flac": "flac"
    case "mp3": "mp3"
    case "none": "png"
    default: "opus"
    }
  }

  private static func loras(_ text: String) -> [Riff_V1_LoRA]? {
    let parts = text.split(separator: ",")
    let loras = parts.compactMap { Riff_V1_LoRA(String($0)) }
    return loras.count == parts.count ? loras : nil
  }

  private static func sampleFormat(_ name: String) -> Riff_V1_SampleFormat? {
    ["s16": .s16, "s24": .s24, "f32": .f32][name]
  }

  private func number<Value>(_ name: String, _ read: (String) -> Value?) throws -> Value? {
    guard let text = self.recipe[name] else { return nil }
    guard let value = read(text) else {
      throw self.failure("says that \(name) is “\(text.prefix(100))”, which cannot be")
    }
    return value
  }

  private func failure(_ what: String) -> Failure { Failure(message: "\(self.path) \(what)") }
}

extension InputFile {
  /// The first bytes, `count` at most.
  func start(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count, let piece = try self.next() { bytes += piece }
    return Array(bytes.prefix(count))
  }

  /// Of all that is left of it.
  func fingerprint() throws -> Fingerprint {
    guard let builder = Fingerprint.Builder() else { throw Failure(message: "no memory left") }
    while let piece = try self.next() { builder.append(Array(piece)) }
    return builder.fingerprint()
  }
}
