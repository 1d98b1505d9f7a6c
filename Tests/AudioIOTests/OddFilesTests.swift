import AudioIO
import Foundation
import Testing

/// Files in a bad state: what ffmpeg plays of them we play, and what is lost is told.
@Suite("Odd files in")
struct OddFilesTests {
  @Test("as ffmpeg does, and with a word on what is lost", arguments: OddFile.all)
  func plays(file: OddFile) throws {
    let bytes = try file.make()
    #expect(Self.matches(try Self.ffmpegSeconds(bytes), file.ffmpeg), "ffmpeg has changed")
    guard let seconds = file.ours else {
      let error = try #require(throws: AudioIOError.self) { try Clip.decode(bytes) }
      #expect(error.message.contains(file.says), "\(error)")
      if file.ffmpeg != nil { #expect(error.message.contains("ffmpeg -i input."), "\(error)") }
      return
    }
    let reader = try AudioReader(MemoryBytes(bytes))
    let clip = try reader.read()
    let decoded = Double(clip.sampleCount) / Double(clip.sampleRate)
    #expect(abs(decoded - seconds) < 0.06, "\(decoded) s")
    let warnings = reader.warnings.joined(separator: "; ")
    #expect(
      file.says.isEmpty ? warnings.isEmpty : warnings.contains(file.says), "\(warnings)")
    for channel in clip.channels {
      let middle = channel[(channel.count / 8)..<(7 * channel.count / 8)]
      let share = Signal.share(middle, 440, rate: clip.sampleRate)
      // Gaps shift the phase of what follows; the tone is then found in pieces.
      #expect(file.isClean ? share > 0.96 : Self.pieces(middle, clip.sampleRate) > 0.9, "\(share)")
    }
  }

  private static func matches(_ seconds: Double?, _ expected: Double?) -> Bool {
    guard let seconds, let expected else { return seconds == nil && expected == nil }
    return abs(seconds - expected) < 0.06
  }

  /// The tone's share in pieces of 20 ms, the median.
  private static func pieces(_ sound: ArraySlice<Float>, _ rate: Int) -> Double {
    let length = rate / 50
    let shares = stride(from: sound.startIndex, to: sound.endIndex - length, by: length).map {
      Signal.share(sound[$0..<$0 + length], 440, rate: rate)
    }
    return shares.sorted()[shares.count / 2]
  }

  /// Seconds that ffmpeg decodes, at the rate of 48 kHz; nil where there are none.
  private static func ffmpegSeconds(_ bytes: [UInt8]) throws -> Double? {
    try withTemporaryFile("bin", bytes) { path in
      let ffmpeg = try Witness.run(
        "ffmpeg", "-nostdin", "-v", "quiet", "-i", path, "-vn", "-ac", "1", "-ar", "48000", "-f",
        "f32le", "-")
      return ffmpeg.output.isEmpty ? nil : Double(ffmpeg.output.count / 4) / 48_000
    }
  }
}
