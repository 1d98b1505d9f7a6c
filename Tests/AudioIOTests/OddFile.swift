import Foundation
import Testing

/// A file that some program left in a bad state, made here: its container, what is wrong with it, what
/// ffmpeg makes of it and what we do.
struct OddFile: Sendable, CustomTestStringConvertible {
  let container: String
  let fault: String
  /// Seconds that ffmpeg decodes; nil where it refuses the file.
  let ffmpeg: Double?
  /// Seconds that we decode; nil where we refuse the file.
  let ours: Double?
  /// What the warning, or the refusal, says; empty: there is no warning.
  let says: String
  /// Whether the tone must be there in full: damage leaves gaps and clicks.
  let isClean: Bool
  let make: @Sendable () throws -> [UInt8]

  var testDescription: String { "\(container): \(fault)" }

  /// - Parameter ours: Where it is another than ffmpeg's.
  private init(
    _ container: String, _ fault: String, ffmpeg: Double?, ours: Double?? = nil, says: String = "",
    isClean: Bool = true, _ make: @escaping @Sendable () throws -> [UInt8]
  ) {
    self.container = container
    self.fault = fault
    self.ffmpeg = ffmpeg
    self.ours = ours ?? ffmpeg
    self.says = says
    self.isClean = isClean
    self.make = make
  }

  static let all = wav + mp3 + flac + ogg + aiff

  // MARK: WAV

  private static let wav: [OddFile] = [
    OddFile("WAV", "data length 0: the recorder died", ffmpeg: 2, says: "interrupted") {
      wavFile(claimed: 0)
    },
    OddFile("WAV", "both lengths 0", ffmpeg: 2, says: "interrupted") {
      replacing(wavFile(claimed: 0), 4, [0, 0, 0, 0])
    },
    OddFile("WAV", "both lengths unknown, as a pipe leaves them", ffmpeg: 2) {
      replacing(wavFile(claimed: 0xFFFF_FFFF), 4, [255, 255, 255, 255])
    },
    OddFile("WAV", "data length twice what is there", ffmpeg: 2, says: "2.00 s that it should") {
      wavFile(claimed: UInt32(2 * samples().count))
    },
    OddFile("WAV", "cut off in the middle", ffmpeg: 1, says: "1.00 s that it should") {
      let file = wavFile()
      return Array(file.prefix(44 + samples().count / 2))
    },
    OddFile("WAV", "data length half of what is there", ffmpeg: 1, says: "1.00 s if they are") {
      wavFile(claimed: UInt32(samples().count / 2))
    },
    OddFile("WAV", "two data chunks", ffmpeg: 2, ours: 4, says: "2 data chunks") {
      wavFile() + chunk("data", samples())
    },
    OddFile("WAV", "an empty data chunk before the true one", ffmpeg: 2, says: "2 data chunks") {
      riff(chunk("fmt ", format()) + chunk("data", []) + chunk("data", samples()))
    },
    OddFile("WAV", "fmt after data", ffmpeg: 2) {
      riff(chunk("data", samples()) + chunk("fmt ", format()))
    },
    OddFile("WAV", "no fmt chunk", ffmpeg: nil, says: "no fmt chunk") {
      riff(chunk("data", samples()))
    },
    OddFile("WAV", "sample rate 0", ffmpeg: nil, says: "sample rate of 0 Hz") {
      riff(chunk("fmt ", format(rate: 0)) + chunk("data", samples()))
    },
    OddFile("WAV", "a chunk of odd length without its padding", ffmpeg: nil, ours: 2) {
      riff(
        chunk("fmt ", format()) + Array(chunk("note", [1, 2, 3]).dropLast())
          + chunk("data", samples()))
    },
    OddFile("WAV", "a chunk that claims more than the file", ffmpeg: nil, says: "no samples") {
      riff(
        chunk("fmt ", format()) + Array("LIST".utf8) + [255, 255, 255, 127]
          + chunk("data", samples()))
    },
    OddFile("WAV", "an ID3 tag in front", ffmpeg: 2) { id3(300) + wavFile() },
    OddFile("WAV", "big endian (RIFX)", ffmpeg: 2) { rifx() },
    OddFile("WAV", "RF64", ffmpeg: 2) { try encode("wav", "-rf64", "always") },
    OddFile("WAV", "IMA ADPCM inside", ffmpeg: 2) { try encode("wav", "-c:a", "adpcm_ima_wav") },
    OddFile("WAV", "A-law inside", ffmpeg: 2) { try encode("wav", "-c:a", "pcm_alaw") },
    OddFile("WAV", "MP3 inside", ffmpeg: 2) { try encode("wav", "-c:a", "libmp3lame") },
    OddFile("WAV", "AC-3 inside", ffmpeg: 2, ours: .some(nil), says: "holds AC-3") {
      try encode("wav", "-c:a", "ac3")
    },
  ]

  // MARK: MP3

  private static let mp3: [OddFile] = [
    OddFile("MP3", "2,000 bytes overwritten", ffmpeg: 1.84, says: "damaged at", isClean: false) {
      try overwritten(mp3File(), 2_000)
    },
    OddFile("MP3", "10,000 zero bytes in the middle", ffmpeg: 2, says: "damaged at", isClean: false)
    {
      let file = try mp3File()
      return Array(file.prefix(file.count / 2)) + [UInt8](repeating: 0, count: 10_000)
        + file.dropFirst(file.count / 2)
    },
    OddFile("MP3", "3,000 bytes lost", ffmpeg: 1.73, ours: 1.76, says: "cut off", isClean: false) {
      try holed(mp3File(), 3_000)
    },
    OddFile("MP3", "cut off, its Xing header tells", ffmpeg: 1, says: "cut off: 1.0") {
      let file = try mp3File()
      return Array(file.prefix(file.count / 2))
    },
    OddFile("MP3", "cut off, no Xing header", ffmpeg: 1, says: "cut off: 0.0") {
      let file = try mp3File("-write_xing", "0")
      return Array(file.prefix(file.count / 2))
    },
    OddFile("MP3", "1,000 zero bytes in front", ffmpeg: 2.06, ours: 2, says: "bytes before") {
      [UInt8](repeating: 0, count: 1_000) + (try mp3File())
    },
    OddFile("MP3", "5,000 random bytes in front", ffmpeg: 2.06, ours: 2, says: "bytes before") {
      noise(5_000) + (try mp3File())
    },
    OddFile("MP3", "begins inside a frame", ffmpeg: 2, says: "bytes before", isClean: false) {
      Array(try mp3File("-write_xing", "0").dropFirst(700))
    },
    OddFile("MP3", "two files joined", ffmpeg: 4.07, ours: 4) { try mp3File() + mp3File() },
    OddFile("MP3", "two files joined, the second of another rate", ffmpeg: 4.06, ours: 4) {
      try mp3File() + encode("mp3", "-ar", "22050")
    },
    OddFile("MP3", "ID3v2 of 100 KB, APE and ID3v1 tags", ffmpeg: 2) {
      try id3(100_000) + mp3File("-id3v2_version", "0") + ape() + id3v1()
    },
    OddFile("MP3", "3,000 random bytes at the end", ffmpeg: 2, says: "damaged at") {
      try mp3File() + noise(3_000)
    },
    OddFile("MP3", "zero bytes at the end", ffmpeg: 2) {
      try mp3File() + [UInt8](repeating: 0, count: 4_000)
    },
    OddFile("MP3", "layer II", ffmpeg: 2.02) { try encode("mp2", "-c:a", "mp2") },
  ]

  // MARK: FLAC

  private static let flac: [OddFile] = [
    OddFile(
      "FLAC", "2,000 bytes overwritten", ffmpeg: 1.58, ours: 1.69, says: "damaged at",
      isClean: false
    ) {
      try overwritten(flacFile(), 2_000)
    },
    OddFile(
      "FLAC", "20,000 bytes lost", ffmpeg: 1.48, ours: 1.58, says: "damaged at", isClean: false
    ) {
      try holed(flacFile(), 20_000)
    },
    OddFile("FLAC", "one bit flipped", ffmpeg: 2, ours: 1.79, says: "damaged at", isClean: false) {
      var file = try flacFile()
      file[file.count / 2] ^= 0x10
      return file
    },
    OddFile("FLAC", "cut off in the middle", ffmpeg: 1, says: "cut off: 1.", isClean: false) {
      let file = try flacFile()
      return Array(file.prefix(file.count / 2))
    },
    OddFile("FLAC", "an ID3 tag in front", ffmpeg: 2) { try id3(300) + flacFile() },
    OddFile("FLAC", "1,000 zero bytes in front", ffmpeg: nil, ours: 2) {
      [UInt8](repeating: 0, count: 1_000) + (try flacFile())
    },
    OddFile("FLAC", "its length unknown, as a pipe leaves it", ffmpeg: 2) {
      // 36 bits after eighteen bytes and a half.
      var file = try flacFile()
      file[21] &= 0xF0
      return replacing(file, 22, [0, 0, 0, 0])
    },
    OddFile("FLAC", "its length twice what is there", ffmpeg: 2, says: "cut off: 2.00") {
      let total = UInt32(2 * 2 * 44_100)
      return replacing(try flacFile(), 22, big(total))
    },
    OddFile("FLAC", "two files joined", ffmpeg: 3.78, ours: 4) { try flacFile() + flacFile() },
  ]

  // MARK: Ogg

  private static let ogg: [OddFile] = [
    OddFile("Ogg Opus", "input sample rate 0", ffmpeg: 2) { try opus(claimedRate: 0) },
    OddFile("Ogg Opus", "input sample rate 16,000", ffmpeg: 2) { try opus(claimedRate: 16_000) },
    OddFile("Ogg Opus", "two links", ffmpeg: 4) { try opus() + opus() },
    OddFile("Ogg Opus", "two links, one mono", ffmpeg: 4) {
      try opus() + encode("opus", "-ac", "1")
    },
    OddFile("Ogg Opus", "cut off in the middle", ffmpeg: 1, says: "cut off after", isClean: false) {
      let file = try opus()
      return Array(file.prefix(file.count / 2))
    },
    OddFile(
      "Ogg Opus", "2,000 bytes overwritten", ffmpeg: 1.7, ours: 1.62, says: "damaged at",
      isClean: false
    ) {
      try overwritten(encode("opus", "-page_duration", "100000"), 2_000)
    },
    OddFile("Ogg Opus", "1,000 zero bytes in front", ffmpeg: nil, ours: 2) {
      [UInt8](repeating: 0, count: 1_000) + (try opus())
    },
    OddFile("Ogg Vorbis", "two links", ffmpeg: 4) { try vorbis() + vorbis() },
    OddFile("Ogg Vorbis", "two links of two rates", ffmpeg: 4) {
      try vorbis() + encode("ogg", "-c:a", "libvorbis", "-ar", "22050")
    },
    OddFile("Ogg Vorbis", "cut off in the middle", ffmpeg: 1, says: "cut off after", isClean: false)
    {
      let file = try vorbis()
      return Array(file.prefix(2 * file.count / 3))
    },
    OddFile("Ogg Vorbis", "2,000 bytes overwritten", ffmpeg: 1.65, says: "damaged", isClean: false)
    {
      try overwritten(encode("ogg", "-c:a", "libvorbis", "-page_duration", "100000"), 2_000)
    },
    OddFile("Ogg Vorbis", "two links, the second without its headers", ffmpeg: 2, says: "skipped") {
      try vorbis() + headless(vorbis())
    },
    OddFile(
      "Ogg Opus", "three links, the second without its tags", ffmpeg: 2, ours: 4, says: "skipped"
    ) {
      try opus() + headless(opus()) + opus()
    },
    OddFile("Ogg FLAC", "whole", ffmpeg: 2) { try oggFLAC() },
    OddFile("Ogg FLAC", "two links", ffmpeg: 4) { try oggFLAC() + oggFLAC() },
    OddFile(
      "Ogg FLAC", "cut off in the middle", ffmpeg: 0.63, says: "cut off after", isClean: false
    ) {
      let file = try oggFLAC()
      return Array(file.prefix(file.count / 2))
    },
    OddFile("Ogg", "Vorbis, then Opus", ffmpeg: 2, ours: 4) { try vorbis() + opus() },
    OddFile(
      "Ogg", "Vorbis without its last bytes, then Opus", ffmpeg: 1.96, ours: 3.96, isClean: false
    ) {
      try encode("ogg", "-c:a", "libvorbis", "-page_duration", "100000").dropLast(100) + opus()
    },
    OddFile("Ogg", "Speex", ffmpeg: 2, ours: .some(nil), says: "holds Speex") {
      try encode("spx", "-c:a", "libspeex", "-ar", "32000", "-ac", "1")
    },
    OddFile("Ogg", "Theora alone", ffmpeg: nil, says: "holds Theora video") { try theora("-an") },
    OddFile("Ogg", "Theora and Vorbis", ffmpeg: 2) { try theora("-c:a", "libvorbis") },
  ]

  // MARK: AIFF

  private static let aiff: [OddFile] = [
    OddFile("AIFF", "cut off in the middle", ffmpeg: 1, says: "cut off: 1.0") {
      let file = try encode("aiff")
      return Array(file.prefix(file.count / 2))
    },
    OddFile("AIFF", "AIFF-C, little endian", ffmpeg: 2) { try encode("aiff", "-c:a", "pcm_s16le") },
  ]

  // MARK: Files in good order

  /// ffmpeg's file of two seconds of 440 Hz with a little noise, stereo at 44.1 kHz.
  private static func encode(_ fileExtension: String, _ options: String...) throws -> [UInt8] {
    try ffmpeg(fileExtension, [], options)
  }

  private static func ffmpeg(
    _ fileExtension: String, _ inputs: [String], _ options: [String]
  ) throws -> [UInt8] {
    try withTemporaryFile(fileExtension) { path in
      let sound = "0.5*sin(2*PI*440*t)+0.02*(random(0)-0.5)"
      let result = try Witness.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y"] + inputs
          + ["-f", "lavfi", "-i", "aevalsrc=\(sound)|\(sound):s=44100:d=2"] + options + [path])
      try #require(result.status == 0, "\(result.errors)")
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }
  }

  private static func mp3File(_ options: String...) throws -> [UInt8] {
    try ffmpeg("mp3", [], ["-b:a", "96k"] + options)
  }

  private static func flacFile() throws -> [UInt8] { try encode("flac") }
  private static func vorbis() throws -> [UInt8] { try encode("ogg", "-c:a", "libvorbis") }
  /// With a second page whose checksum is wrong.
  private static func headless(_ file: [UInt8]) -> [UInt8] {
    file.prefix(100) + [UInt8](repeating: 0, count: 20) + file.dropFirst(120)
  }
  private static func oggFLAC() throws -> [UInt8] { try encode("ogg", "-c:a", "flac") }

  private static func theora(_ options: String...) throws -> [UInt8] {
    try ffmpeg(
      "ogv", ["-f", "lavfi", "-i", "testsrc=s=64x64:d=2"], ["-c:v", "libtheora"] + options)
  }

  private static func opus(claimedRate: UInt32? = nil) throws -> [UInt8] {
    let file = try encode("opus")
    guard let claimedRate else { return file }
    // The rate stands twelve bytes into OpusHead, which follows a page header of 28 bytes; the page's
    // check sum has to follow.
    var head = replacing(Array(file), 28 + 12, little(claimedRate))
    head = replacing(head, 22, [0, 0, 0, 0])
    return replacing(head, 22, little(checksum(head.prefix(28 + 19))))
  }

  /// Ogg's CRC: polynomial 0x04C11DB7, nothing reflected or inverted (RFC 3533, section 6).
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    bytes.reduce(0) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte) << 24) { sum, _ in
        sum << 1 ^ (sum & 0x8000_0000 != 0 ? 0x04C1_1DB7 : 0)
      }
    }
  }

  /// Two seconds of 440 Hz, 16-bit stereo at 44.1 kHz.
  private static func samples(isBigEndian: Bool = false) -> [UInt8] {
    Signal.sine(440, count: 2 * 44_100, rate: 44_100).flatMap { value in
      let sample = Int16(value * 32_767)
      return (0..<2).flatMap { _ in
        withUnsafeBytes(of: isBigEndian ? sample.bigEndian : sample.littleEndian) { Array($0) }
      }
    }
  }

  private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  private static func chunk(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
    Array(name.utf8) + little(UInt32(bytes.count)) + bytes
      + [UInt8](repeating: 0, count: bytes.count % 2)
  }

  private static func format(rate: UInt32 = 44_100) -> [UInt8] {
    little(UInt16(1)) + little(UInt16(2)) + little(rate) + little(rate * 4) + little(UInt16(4))
      + little(UInt16(16))
  }

  private static func riff(_ chunks: [UInt8]) -> [UInt8] {
    Array("RIFF".utf8) + little(UInt32(4 + chunks.count)) + Array("WAVE".utf8) + chunks
  }

  private static func wavFile(claimed: UInt32? = nil) -> [UInt8] {
    let file = riff(chunk("fmt ", format()) + chunk("data", samples()))
    return claimed.map { replacing(file, 40, little($0)) } ?? file
  }

  private static func rifx() -> [UInt8] {
    let samples = samples(isBigEndian: true)
    var bytes = Array("RIFX".utf8) + big(UInt32(36 + samples.count)) + Array("WAVEfmt ".utf8)
    bytes += big(UInt32(16)) + big(UInt16(1)) + big(UInt16(2)) + big(UInt32(44_100))
    bytes += big(UInt32(4 * 44_100)) + big(UInt16(4)) + big(UInt16(16))
    return bytes + Array("data".utf8) + big(UInt32(samples.count)) + samples
  }

  private static func id3(_ size: Int) -> [UInt8] {
    Array("ID3".utf8) + [3, 0, 0]
      + [21, 14, 7, 0].map { UInt8(size >> $0 & 0x7F) } + [UInt8](repeating: 0, count: size)
  }

  private static func id3v1() -> [UInt8] {
    Array("TAGtitle".utf8) + [UInt8](repeating: 0, count: 120)
  }

  private static func ape() -> [UInt8] {
    let item = little(UInt32(1)) + little(UInt32(0)) + Array("Title".utf8) + [0, 0x78]
    func part(_ flags: UInt32) -> [UInt8] {
      Array("APETAGEX".utf8) + little(UInt32(2_000)) + little(UInt32(item.count + 32))
        + little(UInt32(1)) + little(flags) + [UInt8](repeating: 0, count: 8)
    }
    return part(0xA000_0000) + item + part(0x8000_0000)
  }

  // MARK: Damage

  private static func noise(_ count: Int) -> [UInt8] {
    var state: UInt64 = 5
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 40)
    }
  }

  private static func replacing(_ bytes: [UInt8], _ place: Int, _ new: [UInt8]) -> [UInt8] {
    Array(bytes.prefix(place)) + new + bytes.dropFirst(place + new.count)
  }

  /// Bytes overwritten, a third in.
  private static func overwritten(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
    replacing(bytes, bytes.count / 3, noise(count))
  }

  /// Bytes taken out, a third in.
  private static func holed(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
    Array(bytes.prefix(bytes.count / 3)) + bytes.dropFirst(bytes.count / 3 + count)
  }
}
