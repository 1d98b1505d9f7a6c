import AudioIO
import Provenance

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A sound file that parts are cut from, as it is or as ffmpeg converts it.
final class ClipSource: Sendable {
  let name: String
  /// Keeps what came by standard input.
  private let file: InputFile
  /// A name under which it can be opened again and again.
  private let path: String
  /// What ffmpeg made of it, without a name.
  private let converted: Int32?

  /// - Throws: ``Failure``; `AudioIOError` where it is not a sound.
  init(_ file: InputFile) throws {
    self.name = file.name
    self.file = file
    let path = try file.readablePath()
    do {
      _ = try AudioReader(FileBytes(path: path))
      (self.path, self.converted) = (path, nil)
    } catch let error as AudioIOError where error.kind == .unsupportedFormat {
      guard let conversion = try Conversion(file) else { throw error }
      guard let descriptor = InputFile.temporaryFile() else {
        throw Failure(message: "no temporary file can be made in /var/tmp or $TMPDIR")
      }
      self.converted = descriptor
      self.path = "/proc/\(getpid())/fd/\(descriptor)"
      while let piece = try conversion.next() {
        try Terminal(descriptor: descriptor).write(Array(piece))
      }
    }
  }

  deinit { if let converted { close(converted) } }

  /// How long it is. A file that does not tell is decoded.
  func seconds() throws -> Double {
    let reader = try AudioReader(FileBytes(path: self.path))
    if let duration = reader.duration, duration > 0 { return duration }
    let count = try reader.read(
      AudioReader.Part(), limits: AudioReader.Limits(seconds: .infinity, samples: .max),
      check: { try Task.checkCancellation() }, to: { _ in })
    return Double(count) / Double(reader.sampleRate)
  }

  /// A part of it as a file, and the file's first bytes with the true lengths in them.
  func cut(
    at start: Double, seconds: Double, as format: MediaFormat, _ recipe: Recipe
  ) throws -> (body: [UInt8], head: [UInt8]) {
    let reader = try AudioReader(FileBytes(path: self.path))
    let rate = OutputFormat.sampleRate
    let channels = min(reader.channels, 2)
    let output: OutputFormat =
      switch format {
      case .wav: .wav(.float32)
      case .flac: .flac(.signed24)
      case .mp3: .mp3(bitrate: nil)
      case .opus, .png: .oggOpus(bitrate: nil)
      }
    let encoder = try output.makeEncoder(
      channels: channels, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: reader.sampleRate,
      serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))
    var bytes: [UInt8] = []
    try reader.read(
      AudioReader.Part(
        start: start, duration: seconds, isExcerpt: true, channels: channels, sampleRate: rate),
      limits: AudioReader.Limits(seconds: seconds + 1, samples: Int((seconds + 1) * Double(rate))),
      check: { try Task.checkCancellation() }
    ) { bytes += try encoder.append($0) }
    bytes += try encoder.finish()
    return (bytes, encoder.finalHead)
  }
}
