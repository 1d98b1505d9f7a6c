import AudioIO
import Foundation
import Testing

@Suite("Ogg Opus out")
struct OggOpusEncoderTests {
  static func file(
    _ sound: [[Float]], bitrate: Int = 128_000, comments: [AudioComment] = []
  ) throws -> [UInt8] {
    let encoder = try OggOpusEncoder(
      channels: sound.count, bitrate: bitrate, comments: comments, serialNumber: 77)
    return try encoder.append(sound) + encoder.finish()
  }

  static func sound(_ count: Int, channels: Int) -> [[Float]] {
    (0..<channels).map {
      Signal.sine(440 * Double($0 + 1), count: count, rate: 48_000)
    }
  }

  @Test(
    "every length decodes to exactly as many samples, without a word from the witnesses",
    arguments: [0, 1, 119, 647, 648, 649, 959, 960, 961, 9_600, 48_000, 123_457, 480_000], [1, 2])
  func exactLength(count: Int, channels: Int) throws {
    let bytes = try Self.file(Self.sound(count, channels: channels))
    try withTemporaryFile("opus", bytes) { path in
      let info = try Witness.run("opusinfo", path)
      #expect(info.status == 0)
      #expect(!(info.text + info.errors).contains("WARNING"), "\(info.text)\(info.errors)")
      #expect(!(info.text + info.errors).contains("ERROR"), "\(info.text)\(info.errors)")
      #expect(try Witness.decoded(path).count == count * channels)
    }
  }

  @Test("the sound that comes out is the one that went in, not delayed")
  func faithful() throws {
    let sound = Self.sound(96_000, channels: 2)
    let bytes = try Self.file(sound, bitrate: 192_000)
    let decoded = try withTemporaryFile("opus", bytes) { try Witness.decoded($0) }
    for channel in 0..<2 {
      let heard = stride(from: channel, to: decoded.count, by: 2).map { decoded[$0] }
      #expect(Signal.ratio(sound[channel], heard) > 20)
    }
  }

  @Test("chunks of any size give the same bytes, and each call returns whole pages")
  func chunks() throws {
    let sound = Self.sound(50_000, channels: 2)
    let whole = try Self.file(sound)
    for size in [1, 7, 959, 960, 961, 4_800, 30_000] {
      let encoder = try OggOpusEncoder(channels: 2, serialNumber: 77)
      var bytes: [UInt8] = []
      var start = 0
      while start < 50_000 {
        let end = min(start + size, 50_000)
        let pages = try encoder.append(sound.map { Array($0[start..<end]) })
        try #require(OggPage.pages(pages) != nil)
        bytes += pages
        start = end
      }
      bytes += try encoder.finish()
      #expect(bytes == whole)
      #expect(try encoder.finish() == [])
    }
  }

  @Test("pages as RFC 7845 wants them")
  func pages() throws {
    let count = 100_000
    let encoder = try OggOpusEncoder(channels: 1, serialNumber: 0xDEAD_BEEF)
    let header = try encoder.append([[]])
    let first = try #require(OggPage.pages(header))
    // The header leaves before any sound is there.
    try #require(first.count == 2)
    #expect(first[0].body.starts(with: "OpusHead".utf8))
    #expect(first[1].body.starts(with: "OpusTags".utf8))
    #expect(first.allSatisfy { $0.packets == 1 && $0.granule == 0 })
    #expect(Int(first[0].body[10]) | Int(first[0].body[11]) << 8 == encoder.preSkip)
    #expect(encoder.preSkip > 0)

    let rest = try encoder.append(Self.sound(count, channels: 1)) + encoder.finish()
    let pages = try #require(OggPage.pages(header + rest))
    #expect(pages.map(\.isFirst) == [true] + Array(repeating: false, count: pages.count - 1))
    #expect(pages.map(\.isLast) == Array(repeating: false, count: pages.count - 1) + [true])
    #expect(pages.map(\.sequence) == Array(0..<UInt32(pages.count)))
    #expect(pages.allSatisfy { $0.serialNumber == 0xDEAD_BEEF })
    let granules = pages.dropFirst().map(\.granule)
    #expect(zip(granules, granules.dropFirst()).allSatisfy { $0 < $1 && $1 - $0 <= 9_600 })
    #expect(pages.dropFirst(2).allSatisfy { (1...10).contains($0.packets) })
    #expect(granules.last == encoder.preSkip + count)
  }

  @Test("a page leaves for every 200 ms of sound")
  func timely() throws {
    let encoder = try OggOpusEncoder(channels: 1, serialNumber: 1)
    _ = try encoder.append([[]])
    for _ in 0..<5 {
      let pages = try encoder.append(Self.sound(9_600, channels: 1))
      #expect(OggPage.pages(pages)?.count == 1)
    }
  }

  @Test("comments are read by others, long ones too")
  func comments() throws {
    let prompt = "funk bassline – 爵士 " + String(repeating: "a long prompt ", count: 8_000)
    let bytes = try Self.file(
      Self.sound(4_800, channels: 1),
      comments: [.init("TITLE", prompt), .init("ENCODER", "riffd"), .init("RIFF_SEED", "42")])
    try withTemporaryFile("opus", bytes) { path in
      let info = try Witness.run("opusinfo", path)
      #expect(!info.text.contains("WARNING"))
      #expect(info.text.contains("TITLE=funk bassline – 爵士 a long prompt"))
      #expect(info.text.contains("RIFF_SEED=42"))
      #expect(try Witness.decoded(path).count == 4_800)
    }
  }

  @Test("silence takes next to nothing; samples beyond full scale do no harm")
  func extremes() throws {
    let silence = try Self.file([[Float](repeating: 0, count: 480_000)])
    #expect(silence.count < 10_000)
    let loud = try Self.file([Signal.sine(100, count: 9_600, rate: 48_000, gain: 1e6)])
    let decoded = try withTemporaryFile("opus", loud) { try Witness.decoded($0) }
    #expect(decoded.count == 9_600)
    #expect(decoded.allSatisfy { $0.isFinite })
  }

  @Test("a higher bitrate makes a larger file")
  func bitrate() throws {
    let noise = (0..<96_000).map { Float(($0 &* 7_919) % 2_003) / 2_003 - 0.5 }
    #expect(try Self.file([noise], bitrate: 32_000).count * 2 < Self.file([noise]).count)
  }

  @Test("what cannot be encoded is refused by name")
  func refusals() throws {
    func field(_ make: () throws -> Void) -> String? {
      do {
        try make()
        return nil
      } catch {
        return (error as? AudioIOError)?.field
      }
    }
    #expect(field { _ = try OggOpusEncoder(channels: 3, serialNumber: 0) } == "channels")
    #expect(
      field { _ = try OggOpusEncoder(channels: 1, bitrate: 100, serialNumber: 0) } == "bitrate")
    for key in ["", "A=B", "Ä", "A\n"] {
      #expect(field { _ = try Self.file([[0]], comments: [.init(key, "x")]) } == "comment")
    }
    let huge = String(repeating: "x", count: 2 << 20)
    #expect(field { _ = try Self.file([[0]], comments: [.init("A", huge)]) } == "comment")
    let encoder = try OggOpusEncoder(channels: 2, serialNumber: 0)
    #expect(field { _ = try encoder.append([[0]]) } == "samples")
    #expect(field { _ = try encoder.append([[0], [0, 0]]) } == "samples")
    #expect(field { _ = try encoder.append([[0], [.nan]]) } == "samples")
    _ = try encoder.finish()
    #expect(field { _ = try encoder.append([[0], [0]]) } == "samples")
  }

  @Test("PCM: interleaved, little endian, in the order of the calls")
  func pcm() throws {
    let encoder: any AudioStreamEncoder = try PCMFloat32Encoder(channels: 2)
    let bytes = try encoder.append([[1, 0.5], [-2, 0]]) + encoder.append([[0], [1]])
    #expect(
      bytes == [
        0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0, 0, 0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3F,
      ])
    #expect(try encoder.finish() == [])
    #expect(throws: AudioIOError.self) { try encoder.append([[1]]) }
  }
}
