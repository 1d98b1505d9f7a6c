import AudioIO
import NIOCore
import NIOHTTP1
import NIOPosix
import Provenance
import RiffProtocol

/// A take as a file of a format: encoded by what encodes the daemon's own files, with the same words of how it
/// was made in it.
struct TakeDownload: Sendable {
  enum Format: String {
    case opus, wav, flac, mp3

    var output: OutputFormat {
      switch self {
      case .opus: .oggOpus(bitrate: nil)
      case .wav: .wav(.float32)
      case .flac: .flac(.signed24)
      case .mp3: .mp3(bitrate: nil)
      }
    }

    /// As the settings name it.
    var name: String { self == .opus ? "ogg_opus" : self.rawValue }
    var type: String {
      switch self {
      case .opus: "audio/ogg"
      case .wav: "audio/wav"
      case .flac: "audio/flac"
      case .mp3: "audio/mpeg"
      }
    }
  }

  var take: Take
  var format: Format

  /// Sample frames that are encoded at a time.
  private static let block = 48_000
  private static let piece = 256 << 10

  func send(to responder: WebResponder) async throws {
    let (file, length) = try await self.encoded()
    try await responder.begin(
      type: self.format.type, headers: [("content-length", "\(length)")])
    var at = 0
    while at < length {
      let (begin, count) = (at, min(Self.piece, length - at))
      let bytes = try await NIOThreadPool.singleton.runIfActive { file.read(count, at: begin) }
      guard !bytes.isEmpty else { throw WebError("the take's file ended early") }
      try await responder.write(ByteBuffer(bytes: bytes))
      at += bytes.count
    }
    try await responder.end()
  }

  /// Encodes the take into a file; its head is written again when the length is known.
  private func encoded() async throws -> (UnnamedFile, Int) {
    guard let file = UnnamedFile() else {
      throw Refusal(.insufficientStorage, "no temporary file can be made for the download")
    }
    let (take, format) = (self.take, self.format)
    return try await NIOThreadPool.singleton.runIfActive {
      var recipe = Recipe(take.settings.map { Setting($0.name, $0.value) })
      recipe["output"] = format.name
      recipe["sample_format"] =
        switch format {
        case .wav: "f32"
        case .flac: "s24"
        case .opus, .mp3: nil
        }
      let encoder = try format.output.makeEncoder(
        channels: take.channels, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
        inputSampleRate: OutputFormat.sampleRate, serialNumber: UInt32(truncatingIfNeeded: take.id))
      var length = 0
      func write(_ bytes: [UInt8], at offset: Int) throws {
        guard file.write(bytes, at: offset) else {
          throw Refusal(.insufficientStorage, "the temporary file's disk is full")
        }
      }
      var frame = 0
      while case let samples = take.read(from: frame, count: Self.block), !samples[0].isEmpty {
        let bytes = try encoder.append(samples)
        try write(bytes, at: length)
        length += bytes.count
        frame += samples[0].count
      }
      let bytes = try encoder.finish()
      try write(bytes, at: length)
      length += bytes.count
      try write(encoder.finalHead, at: 0)
      return (file, length)
    }
  }
}
