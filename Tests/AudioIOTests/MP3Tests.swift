import AudioIO
import Foundation
import Testing

@Suite("MP3 in", .serialized)
struct MP3Tests {
  private static func file(_ options: String..., rate: Int = 44_100, channels: Int = 2) throws
    -> [UInt8]
  {
    try withTemporaryFile("mp3") { path in
      let ffmpeg = try Witness.run(
        [
          "ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
          "sine=440:r=\(rate):d=1.5", "-ac", "\(channels)",
        ] + options + [path])
      try #require(ffmpeg.status == 0, "\(ffmpeg.errors)")
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }
  }

  @Test(
    "any of its rates, mono and stereo, with and without tags: the sound, without padding",
    arguments: [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000], [1, 2])
  func rates(rate: Int, channels: Int) throws {
    for options in [["-id3v2_version", "3", "-metadata", "title=x"], ["-id3v2_version", "0"]] {
      let file = try Self.file(options[0], options[1], rate: rate, channels: channels)
      let clip = try Clip.decode(file)
      #expect(clip.sampleRate == rate)
      #expect(clip.channels.count == channels)
      // The encoder's delay and padding are in the LAME tag, which gapless decoding takes off.
      #expect(clip.sampleCount == (rate * 3 + 1) / 2)
      let middle = clip.channels[0][(rate / 2)..<rate]
      #expect(Signal.share(middle, 440, rate: rate) > 0.99)
    }
  }

  @Test("files that were joined play to their end, whatever the rate and channels of each")
  func joined() throws {
    for (rate, channels) in [(44_100, 2), (22_050, 2), (44_100, 1), (48_000, 1)] {
      let file = try Self.file() + Self.file(rate: rate, channels: channels)
      let clip = try Clip.decode(file)
      #expect(clip.sampleRate == 44_100 && clip.channels.count == 2)
      #expect(abs(clip.sampleCount - 3 * 44_100) <= 1, "\(rate) Hz, \(channels)")
      for sound in clip.channels {
        #expect(Signal.share(sound[80_000..<120_000], 440, rate: 44_100) > 0.98)
      }
    }
  }

  @Test("a FLAC file behind an ID3 tag is a FLAC file")
  func tagged() throws {
    let flac = try AudioReaderTests.file(
      .init(fileExtension: "flac", codec: "flac", lossless: true), rate: 8_000, channels: 1)
    let tag = Array("ID3".utf8) + [3, 0, 0, 0, 0, 1, 0] + [UInt8](repeating: 0, count: 128)
    let clip = try Clip.decode(tag + flac)
    #expect(clip.sampleCount == 8_800)
  }

  @Test("damaged files decode or fail without a word on standard error")
  func quiet() throws {
    let whole = try Self.file()
    let said = try standardError {
      var state: UInt64 = 9
      for round in 0..<200 {
        var bytes = whole
        if round % 4 == 0 { bytes = Array(bytes.dropFirst(round * 37)) }
        for _ in 0..<20 {
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
        }
        _ = try? Clip.decode(bytes)
      }
      _ = try? Clip.decode(Array("ID3".utf8) + [UInt8](repeating: 0xFF, count: 10_000))
    }
    #expect(said == "")
  }

  /// What the process writes on its standard error meanwhile. Tests run one at a time.
  private func standardError(_ body: () throws -> Void) throws -> String {
    try withTemporaryFile("txt") { path in
      fflush(nil)
      let saved = dup(2)
      let file = open(path, O_WRONLY | O_TRUNC)
      try #require(saved >= 0 && file >= 0)
      dup2(file, 2)
      defer {
        dup2(saved, 2)
        close(saved)
        close(file)
      }
      try body()
      fflush(nil)
      return try String(contentsOf: URL(filePath: path), encoding: .utf8)
    }
  }
}
