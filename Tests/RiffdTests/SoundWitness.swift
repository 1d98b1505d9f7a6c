import Foundation
import Testing

/// ffmpeg, which makes sounds for the daemon and decodes what comes of them.
enum SoundWitness {
  /// Writes what a `lavfi` source gives to a file, by its extension.
  static func make(
    _ path: String, from source: String = "sine=frequency=440:duration=1", _ options: [String] = []
  ) async throws {
    let ffmpeg = try await Program.run(
      "ffmpeg", ["-v", "error", "-f", "lavfi", "-i", source] + options + [path])
    try #require(ffmpeg.status == 0, "\(ffmpeg.errors)")
  }

  /// The bytes of a WAV file's samples, which are all that follows its head.
  static func samples(ofWAV file: Data) -> [UInt8] {
    file.firstRange(of: Data("data".utf8)).map { Array(file[($0.upperBound + 4)...]) } ?? []
  }

  /// A file's samples, channels interleaved. ffmpeg must have nothing to say about it.
  static func decode(_ path: String) async throws -> [Float] {
    let ffmpeg = try await Program.run(
      "ffmpeg", ["-v", "warning", "-i", path, "-f", "f32le", "-"])
    try #require(ffmpeg.status == 0, "\(ffmpeg.errors)")
    #expect(ffmpeg.errors.isEmpty, "\(ffmpeg.errors)")
    return ffmpeg.output.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }
}
