internal import AudioIO
internal import Diffusion
internal import FramedTransport
internal import NIOCore
internal import Riff
internal import Spectrogram

/// What can be fuzzed, by name: readers of what comes from outside. Each throws only what says that
/// the fuzzer has found something; errors that a user would see are a success.
@MainActor
let targets: [String: (inout Bytes) throws -> Void] = [
  // The wire.
  "frames": { bytes in
    // The same bytes whole and in pieces must give the same frames.
    let size = Int(bytes.byte() % 64) + 1
    let all = bytes.all()
    guard frames(of: all, pieces: all.count) == frames(of: all, pieces: size) else {
      throw Finding("frames depend on how the bytes come")
    }
  },
  "server": { bytes in
    var conversation = Conversation(.server)
    try conversation.run(&bytes)
  },
  "client": { bytes in
    var conversation = Conversation(.client)
    try conversation.run(&bytes)
  },

  // Uploads.
  "picture": { bytes in
    let file = bytes.all()
    guard !declaresTooMuch(file), let picture = try? TaggedImage(file: file) else { return }
    guard picture.image.pixels.count == picture.image.width * picture.image.height * 3 else {
      throw Finding("a picture whose size is not that of its pixels")
    }
    _ = try? picture.exif.map { try SpectrogramEXIF.read($0) }
  },
  "exif": { bytes in _ = try? SpectrogramEXIF.read(bytes.all()) },
  "audio": { bytes in
    // The whole file, a part of it, mixed and resampled, and one that a caller may ask for: jobs take any
    // number that is not negative.
    let file = bytes.all()
    let excerpt = AudioReader.Part(
      start: 0.03, duration: 0.02, isExcerpt: true, channels: 1, sampleRate: 8_000)
    let start = Double(bitPattern: file.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
    let wished = AudioReader.Part(start: start >= 0 && start.isFinite ? start : 0, channels: 2)
    for part in [AudioReader.Part(), excerpt, wished] {
      let limits = AudioReader.Limits(seconds: 10, samples: 1 << 20)
      guard let reader = try? AudioReader(MemoryBytes(file)),
        let clip = try? reader.read(part, limits: limits)
      else { continue }
      guard clip.channels.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
        throw Finding("samples that are not finite")
      }
    }
  },

  // Models.
  "safetensors": { bytes in
    memoryFile.fill(bytes.all())
    if let file = try? SafetensorsFile(path: memoryFile.path) { read(file) }
  },
  "torch": { bytes in
    memoryFile.fill(bytes.all())
    if let file = try? TorchFile(path: memoryFile.path) { read(file) }
  },
  "checkpoint": { bytes in
    // A whole model in one file, with whatever a training left beside it.
    memoryFile.fill(bytes.all())
    _ = try? DiffusionModel(directory: memoryFile.path)
    if let file = try? TorchFile(path: memoryFile.path, isTrainingState: true) { read(file) }
  },
  "lora": { bytes in
    memoryFile.fill(bytes.all())
    if let lora = try? AdapterInfo(path: memoryFile.path), lora.layers == 0 || lora.rank == 0 {
      throw Finding("a LoRA that adds nothing")
    }
  },
  "tokenizer": { bytes in
    // One file, or two with a zero byte between.
    let isWhole = bytes.byte() & 1 == 0
    let parts = bytes.parts(3)
    folder.set("tokenizer_config.json", parts[0].isEmpty ? nil : parts[0])
    folder.set("tokenizer.json", isWhole ? parts[1] : nil)
    folder.set("vocab.json", isWhole ? nil : parts[1])
    folder.set("merges.txt", isWhole ? nil : parts[2])
    let loader = CLIPTokenizerLoader(folder: folder.path)
    guard let tokenizer = try? loader.load(maximumLength: 77, vocabularySize: 49_408) else {
      return
    }
    let tokens = tokenizer.tokens(of: "a photo of church bells, (ringing:1.2)")
    guard tokens.allSatisfy({ 0..<49_408 ~= $0 }) else { throw Finding("a token out of range") }
  },
  "prompt": { bytes in
    let prompt = String(decoding: bytes.all(), as: UTF8.self)
    for fragment in PromptParser.fragments(of: prompt) {
      guard fragment.weight.isFinite else { throw Finding("a weight of \(fragment.weight)") }
    }
  },
  "lora-tag": { bytes in
    let tags = LoRATags(String(decoding: bytes.all(), as: UTF8.self))
    for use in tags.loras where !use.weight.isFinite || LoRAUse(reading: "\(use)") == nil {
      throw Finding("a LoRA that is not read as it is written: \(use)")
    }
  },
  "card": { bytes in
    folder.set("riff.json", bytes.all())
    _ = try? ModelCard.read(fromFolder: folder.path)
  },
]

struct Finding: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

@MainActor private let memoryFile = MemoryFile()
@MainActor private let folder = Folder()

private func frames(of bytes: [UInt8], pieces: Int) -> [FrameReader.Unit] {
  var reader = FrameReader()
  var buffer = ByteBuffer()
  var units: [FrameReader.Unit] = []
  for start in stride(from: 0, to: bytes.count, by: max(1, pieces)) {
    buffer.writeBytes(bytes[start..<min(bytes.count, start + pieces)])
    do {
      while let unit = try reader.next(from: &buffer) { units.append(unit) }
    } catch {
      return units
    }
  }
  return units
}

/// Pictures of millions of pixels are right and slow: the fuzzer has no time for them.
private func declaresTooMuch(_ file: [UInt8]) -> Bool {
  guard file.count >= 24, file.starts(with: [0x89, 0x50]) else { return false }
  let size = file[16..<24].map(Int.init)
  let width = (size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3])
  let height = (size[4] << 24 | size[5] << 16 | size[6] << 8 | size[7])
  return width.multipliedReportingOverflow(by: height).partialValue > 1 << 20 && width <= 1 << 20
    && height <= 1 << 20
}

private func read(_ file: some TensorFile) {
  for name in file.names.prefix(8) { _ = file.floats(name) }
}
