import AudioIO
import Foundation
import Synchronization
import Testing

/// Parts of sounds: only they are decoded, and what is left out is told.
@Suite("Parts of uploads")
struct PartTests {
  /// A file that counts what is read of it.
  private final class CountingSource: ByteSource {
    private let bytes: MemoryBytes
    private let total = Mutex(0)

    init(_ bytes: [UInt8]) { self.bytes = MemoryBytes(bytes) }

    var count: Int { bytes.count }
    var read: Int { total.withLock { $0 } }

    func read(
      at offset: Int, into target: UnsafeMutableRawBufferPointer
    ) throws(AudioIOError) -> Int {
      let count = try bytes.read(at: offset, into: target)
      total.withLock { $0 += count }
      return count
    }
  }

  /// A tone that rises by 100 Hz every second: 300 Hz in the first.
  private static func steps(
    _ fileExtension: String, seconds: Int, rate: Int = 44_100, _ options: [String] = []
  ) throws -> [UInt8] {
    try withTemporaryFile(fileExtension) { path in
      let ffmpeg = try Witness.run(
        [
          "ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
          "aevalsrc=0.5*sin(2*PI*(300+100*floor(t))*t):s=\(rate):d=\(seconds)",
        ] + options + [path])
      try #require(ffmpeg.status == 0, "\(ffmpeg.errors)")
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }
  }

  private static let formats: [(name: String, options: [String])] = [
    ("wav", []), ("flac", []), ("mp3", []), ("mp3", ["-write_xing", "0", "-q:a", "4"]),
    ("ogg", ["-c:a", "libvorbis"]), ("ogg", ["-c:a", "flac"]), ("opus", []), ("aiff", []),
  ]

  @Test("a part holds what lies there, to the sample's neighbourhood", arguments: formats)
  func part(format: (name: String, options: [String])) throws {
    let bytes = try Self.steps(format.name, seconds: 20, format.options)
    for start in [0.0, 0.25, 7.25, 18.25] {
      let reader = try AudioReader(MemoryBytes(bytes))
      let clip = try reader.read(AudioReader.Part(start: start, duration: 0.5))
      #expect(clip.sampleCount == clip.sampleRate / 2, "\(start)")
      let tone = 300 + 100 * start.rounded(.down)
      // MP3 that does not tell its delay begins with silence.
      #expect(Signal.share(clip.channels[0], tone, rate: clip.sampleRate) > 0.94, "\(start)")
      let said = try #require(reader.warnings.first)
      #expect(said.contains("0.50 s") && said.contains("left out"), "\(said)")
    }
    // The whole and the part agree, sample for sample, where the codec has settled.
    let whole = try Clip.decode(bytes)
    let reader = try AudioReader(MemoryBytes(bytes))
    let clip = try reader.read(AudioReader.Part(start: 9.5, duration: 1))
    let start = Int(9.5 * Double(whole.sampleRate))
    #expect(
      Signal.ratio(whole.channels[0][start..<start + clip.sampleCount], clip.channels[0]) > 30)
  }

  @Test("only the part is read and decoded", arguments: ["wav", "flac", "opus", "ogg", "aiff"])
  func reads(name: String) throws {
    // Ogg is looked through once, for its pages; what is read to find a place does not grow with the file.
    let isOgg = name.hasPrefix("o")
    let bytes = try Self.steps(name, seconds: isOgg ? 660 : 165, rate: 48_000)
    let source = CountingSource(bytes)
    let clip = try AudioReader(source).read(AudioReader.Part(start: 75, duration: 5))
    #expect(clip.sampleCount == 5 * 48_000)
    #expect(source.read < (isOgg ? 5 * bytes.count / 4 : bytes.count / 10), "\(source.read)")
  }

  @Test(
    "a start that no sound reaches is refused, also where the file does not tell its length",
    arguments: [1e9, 1e19, 1e300])
  func farStart(start: Double) throws {
    // STREAMINFO (RFC 9639, section 8.2): without the 36 bits of its length.
    var flac = try Self.steps("flac", seconds: 1)
    flac[21] &= 0xF0
    for place in 22..<26 { flac[place] = 0 }
    let chained =
      try Self.steps("ogg", seconds: 1, ["-c:a", "libvorbis"]) + Self.steps("opus", seconds: 1)
    for bytes in [flac, chained] {
      let reader = try AudioReader(MemoryBytes(bytes))
      #expect(reader.duration == nil)
      let error = #expect(throws: AudioIOError.self) {
        try reader.read(AudioReader.Part(start: start))
      }
      #expect(error?.kind == .invalidParameter, "\(String(describing: error))")
    }
  }

  @Test("the limit is on the seconds that are used")
  func limit() throws {
    let bytes = try Self.steps("flac", seconds: 3_605, rate: 8_000)
    let error = try #require(throws: AudioIOError.self) { try Clip.decode(bytes) }
    #expect(error.kind == .tooLarge && error.message.contains("3600"))
    let reader = try AudioReader(MemoryBytes(bytes))
    let clip = try reader.read(AudioReader.Part(start: 3_500, channels: 1))
    #expect(abs(clip.sampleCount - 105 * 8_000) <= 1)
  }

  @Test("what is too long is refused before a byte of its samples is read")
  func early() throws {
    let bytes = AudioReaderTests.wav(
      channels: 8, rate: 1_000, [UInt8](repeating: 0, count: 2 * 8 * 1_000 * 600))
    for (part, limits) in [
      (AudioReader.Part(sampleRate: 384_000), AudioReader.Limits()),
      (AudioReader.Part(), AudioReader.Limits(seconds: 599)),
    ] {
      let source = CountingSource(bytes)
      let error = try #require(throws: AudioIOError.self) {
        try AudioReader(source).read(part, limits: limits)
      }
      #expect(error.kind == .tooLarge)
      #expect(source.read < 200_000, "\(source.read)")
    }
  }

  @Test("a part beyond the end is refused", arguments: ["wav", "flac", "mp3", "ogg", "opus"])
  func beyond(name: String) throws {
    let reader = try AudioReader(MemoryBytes(Self.steps(name, seconds: 2)))
    let error = try #require(throws: AudioIOError.self) {
      try reader.read(AudioReader.Part(start: 3))
    }
    #expect(error.field == "start_seconds")
    #expect(error.message.contains("beyond the end"))
  }

  @Test("channels are mixed first: the mean, or the first two, or one twice")
  func mixes() throws {
    let samples: [Int16] = (0..<600).map { [100, -50, 25][$0 % 3] * 100 }
    let bytes = AudioReaderTests.wav(
      channels: 3, rate: 8_000,
      samples.flatMap { sample in withUnsafeBytes(of: sample.littleEndian) { Array($0) } })
    func read(_ channels: Int?) throws -> [Float] {
      let reader = try AudioReader(MemoryBytes(bytes))
      return try reader.read(AudioReader.Part(channels: channels)).channels.map { $0[100] * 32_768 }
    }
    #expect(try read(nil) == [10_000, -5_000, 2_500])
    #expect(try read(1) == [2_500])
    #expect(try read(2) == [10_000, -5_000])
    let mono = AudioReaderTests.wav(rate: 8_000, [UInt8](repeating: 64, count: 200))
    let twice = try AudioReader(MemoryBytes(mono)).read(AudioReader.Part(channels: 2))
    #expect(twice.channels.count == 2 && twice.channels[0] == twice.channels[1])
  }

  @Test("blocks resampled as they come are the whole resampled at once")
  func resamples() throws {
    let bytes = try Self.steps("wav", seconds: 5, rate: 48_000)
    let whole = try Clip.decode(bytes)
    let once = try StreamResampler.resample(whole, to: 24_000)
    let clip = try AudioReader(MemoryBytes(bytes)).read(AudioReader.Part(sampleRate: 24_000))
    #expect(clip.sampleRate == 24_000 && clip.sampleCount == 5 * 24_000)
    #expect(Signal.ratio(once.channels[0], clip.channels[0]) > 100)
  }

  @Test("joined more often than anybody joins files: refused, for each part would take memory")
  func links() throws {
    for name in ["mp3", "opus"] {
      let one = try Self.steps(name, seconds: 1, rate: 8_000, ["-ac", "1", "-b:a", "8k"])
      #expect(try Clip.decode(one + one).sampleCount > 0)
      let bytes = Array(repeatElement(one, count: 10_010).joined())
      let error = try #require(throws: AudioIOError.self) { try AudioReader(MemoryBytes(bytes)) }
      #expect(error.kind == .damagedFile && error.message.contains("10000"), "\(error)")
    }
  }

  @Test(
    "streams side by side, more than anybody plays: refused, for each is compared with all before it",
    arguments: ["opus", "ogg"])
  func streams(name: String) throws {
    let one = try Self.steps(name, seconds: 1, rate: 48_000, ["-ac", "1"])
    let first = try #require(OggPage.pages(one)?.first)
    let head = 27 + first.packets + first.body.count
    func file(_ count: Int, hidden: Bool) -> [UInt8] {
      var streams: [UInt8] = []
      for number in 0..<count {
        streams += OggPage.bytes(
          flags: 2, serialNumber: 1_000_000_000 + UInt32(number), packet: [120])
      }
      // Pages in what claims to be one, with a wrong checksum, are looked for as well.
      if hidden { streams = Array("OggS".utf8) + [UInt8](repeating: 255, count: 300) + streams }
      return one.prefix(head) + streams + one.dropFirst(head)
    }
    #expect(try Clip.decode(file(20, hidden: false)).sampleCount > 0)
    for hidden in [false, true] {
      let error = try #require(throws: AudioIOError.self) {
        try AudioReader(MemoryBytes(file(10_000, hidden: hidden)))
      }
      #expect(error.kind == .damagedFile && error.message.contains("10000 streams"), "\(error)")
    }
  }

  @Test("looking through a file ends when it is told to")
  func opening() throws {
    struct Stop: Error {}
    for name in ["mp3", "opus"] {
      let bytes = try Self.steps(name, seconds: 60)
      #expect(throws: Stop.self) { try AudioReader(MemoryBytes(bytes)) { throw Stop() } }
    }
  }

  @Test("decoding ends within a block of being told to", arguments: formats)
  func cancels(format: (name: String, options: [String])) throws {
    struct Stop: Error {}
    let bytes = try Self.steps(format.name, seconds: 60, format.options)
    let source = CountingSource(bytes)
    let reader = try AudioReader(source)
    let opened = source.read
    var calls = 0
    #expect(throws: Stop.self) {
      try reader.read {
        calls += 1
        if calls == 3 { throw Stop() }
      }
    }
    #expect(source.read - opened < bytes.count / 2, "\(source.read - opened) of \(bytes.count)")
  }
}
