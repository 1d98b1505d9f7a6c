import AudioIO
import Foundation
import Testing

/// opusinfo and ffmpeg on what the encoder writes.
@Suite("Ogg Opus before witnesses")
struct OpusWitnessTests {
  /// What opusinfo calls a fault, in either of its streams; empty where it has none to name.
  static func complaints(_ path: String) throws -> String {
    let info = try Witness.run("opusinfo", path)
    let text = info.text + info.errors
    let isFaulty = info.status != 0 || text.contains("WARNING") || text.contains("ERROR")
    return isFaulty ? text : ""
  }

  @Test(
    "every bitrate: the exact length, and nothing to complain of",
    arguments: [6_000, 8_000, 16_000, 64_000, 128_000, 256_000, 510_000, 510_000], [1, 2])
  func bitrates(bitrate: Int, channels: Int) throws {
    for count in [1, 119, 960, 961, 30_001] {
      let bytes = try OggOpusEncoderTests.file(
        OggOpusEncoderTests.sound(count, channels: channels), bitrate: bitrate)
      try withTemporaryFile("opus", bytes) { path in
        let complaints = try Self.complaints(path)
        #expect(complaints == "")
        #expect(try Witness.decoded(path, decoder: "libopus").count == count * channels)
        // ffmpeg's own decoder does not trim a sound that ends within its first packet of speech
        // coding, which is what lowest rates get; nor does it with opusenc's files.
        guard count > 1 || bitrate >= 16_000 else { return }
        #expect(try Witness.decoded(path).count == count * channels)
      }
    }
  }

  @Test("ten seconds at common rates are as long and about as large as they should be")
  func average() throws {
    var state: UInt64 = 3
    let noise = (0..<480_000).map { _ -> Float in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 40) / Float(1 << 25) - 0.25
    }
    for bitrate in [32_000, 96_000, 160_000] {
      let bytes = try OggOpusEncoderTests.file([noise], bitrate: bitrate)
      try withTemporaryFile("opus", bytes) { path in
        let complaints = try Self.complaints(path)
        #expect(complaints == "")
        #expect(try Witness.decoded(path).count == 480_000)
      }
      let measured = Double(bytes.count) * 8 / 10
      #expect(abs(measured / Double(bitrate) - 1) < 0.25, "\(measured) bits a second")
    }
  }

  @Test("clips that were cut from one sound play on without a gap", arguments: [1, 2])
  func gapless(channels: Int) throws {
    let whole = OggOpusEncoderTests.sound(96_000, channels: channels)
    let cut = 47_123
    var heard: [Float] = []
    for part in [0..<cut, cut..<96_000] {
      let file = try OggOpusEncoderTests.file(whole.map { Array($0[part]) }, bitrate: 160_000)
      heard += try withTemporaryFile("opus", file) { try Witness.decoded($0) }
    }
    try #require(heard.count == 96_000 * channels)
    for (channel, sound) in whole.enumerated() {
      let decoded = stride(from: channel, to: heard.count, by: channels).map { heard[$0] }
      // The end of the first clip, up to its last sample, is as good as any part of it: nothing
      // tells that it broke off there. The second one begins from rest.
      #expect(Signal.ratio(sound[(cut - 480)..<cut], decoded[(cut - 480)..<cut]) > 18)
      #expect(
        Signal.ratio(sound[cut..<(cut + 480)], decoded[cut..<(cut + 480)]) > 8, "begin")
      #expect(Signal.ratio(sound, decoded) > 20)
    }
  }

  @Test("two streams in one file are a chain, as RFC 7845 allows, of the lengths' sum")
  func chain() throws {
    var bytes: [UInt8] = []
    for (serialNumber, count) in [(1, 4_801), (2, 10_000)] {
      let encoder = try OggOpusEncoder(channels: 1, serialNumber: UInt32(serialNumber))
      bytes += try encoder.append(OggOpusEncoderTests.sound(count, channels: 1))
      bytes += try encoder.finish()
    }
    try withTemporaryFile("opus", bytes) { path in
      let complaints = try Self.complaints(path)
      #expect(complaints == "")
      #expect(try Witness.decoded(path).count == 14_801)
    }
  }

  @Test("OpusHead as RFC 7845, section 5.1, has it")
  func head() throws {
    let encoder = try OggOpusEncoder(channels: 2, inputSampleRate: 24_000, serialNumber: 5)
    let pages = try #require(OggPage.pages(try encoder.append([[], []])))
    let skip = encoder.preSkip
    #expect(
      pages[0].body
        == Array("OpusHead".utf8) + [1, 2, UInt8(skip & 0xFF), UInt8(skip >> 8)]
        + [0xC0, 0x5D, 0, 0] + [0, 0] + [0])
  }
}
