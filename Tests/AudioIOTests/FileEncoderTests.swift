import AudioIO
import Foundation
import Testing

/// WAV, FLAC and MP3 out, before ffmpeg and our own decoder.
@Suite("Files out")
struct FileEncoderTests {
  private static let comments = [
    AudioComment("TITLE", "Glocken – “läuten”"), AudioComment("ENCODER", "riffd 0"),
    AudioComment("RIFF_SEED", "7"), AudioComment("RIFF_NEGATIVE_PROMPT", "a\\b\nc=d"),
  ]

  private static let formats: [(name: String, format: OutputFormat)] = [
    ("wav", .wav(.signed16)), ("wav", .wav(.signed24)), ("wav", .wav(.float32)),
    ("flac", .flac(.signed16)), ("flac", .flac(.signed24)), ("mp3", .mp3(bitrate: nil)),
  ]

  private static func sound(_ count: Int, channels: Int) -> [[Float]] {
    (0..<channels).map { Signal.sine(440 * Double($0 + 1), count: count, rate: 48_000) }
  }

  /// The stream as it leaves, cut into odd pieces, and the head that takes its place in a file.
  private static func encode(
    _ sound: [[Float]], _ format: OutputFormat, comments: [AudioComment] = []
  ) throws -> (stream: [UInt8], head: [UInt8], streamed: Int) {
    let encoder = try format.makeEncoder(
      channels: sound.count, comments: comments, inputSampleRate: 24_000, serialNumber: 1)
    var bytes: [UInt8] = []
    var start = 0
    while start < sound[0].count {
      let end = min(start + 4_801, sound[0].count)
      bytes += try encoder.append(sound.map { Array($0[start..<end]) })
      start = end
    }
    let streamed = bytes.count
    bytes += try encoder.finish()
    #expect(try encoder.finish() == [])
    return (bytes, encoder.finalHead, streamed)
  }

  private static func file(
    _ sound: [[Float]], _ format: OutputFormat, comments: [AudioComment] = []
  ) throws -> [UInt8] {
    let (stream, head, _) = try encode(sound, format, comments: comments)
    return head + stream.dropFirst(head.count)
  }

  private static func probe(
    _ path: String, _ entries: String, level: String = "warning"
  ) throws -> String {
    let probe = try Witness.run(
      "ffprobe", "-v", level, "-show_entries", entries, "-of", "default=noprint_wrappers=1",
      path)
    #expect(probe.errors.isEmpty, "\(probe.errors)")
    return probe.text
  }

  @Test("every format and length: exactly the samples that went in", arguments: [1, 2])
  func lengths(channels: Int) throws {
    for (name, format) in Self.formats {
      // ffmpeg does not recognise an MP3 file of a few frames.
      for count in name == "mp3" ? [47_999, 48_001] : [1, 4_096, 48_001] {
        let sound = Self.sound(count, channels: channels)
        let file = try Self.file(sound, format, comments: Self.comments)
        let decoded = try withTemporaryFile(name, file) { try Witness.decoded($0) }
        try #require(decoded.count == count * channels, "\(format), \(count)")
        let step: Float =
          switch format {
          case .wav(.float32): 0
          case .wav(.signed24), .flac(.signed24): 0.5 / 8_388_608
          case .wav(.signed16), .flac(.signed16): 1.5 / 32_768
          default: 0.1
          }
        for (channel, values) in sound.enumerated() {
          let heard = stride(from: channel, to: decoded.count, by: channels).map { decoded[$0] }
          let error = zip(heard, values).map { abs($0 - $1) }.max() ?? 1
          #expect(error <= step, "\(format), \(count): off by \(error)")
        }
        // Our own way in agrees.
        let clip = try Clip.decode(file)
        #expect(clip.sampleCount == count && clip.channels.count == channels, "\(format)")
      }
    }
  }

  @Test("FLAC and WAV of the same form hold the same integers, however the sound is cut")
  func sameIntegers() throws {
    let sound = Self.sound(30_000, channels: 2)
    for samples in [SampleFormat.signed16, .signed24] {
      let wav = try Self.file(sound, .wav(samples))
      let flac = try Self.file(sound, .flac(samples))
      let decoded = try (
        withTemporaryFile("wav", wav) { try Witness.decoded($0) },
        withTemporaryFile("flac", flac) { try Witness.decoded($0) }
      )
      #expect(decoded.0 == decoded.1)
      let whole = try WAVEncoder(channels: 2, format: samples)
      let bytes = try whole.append(sound)
      #expect(wav.suffix(1_000) == bytes.suffix(1_000))
    }
  }

  @Test("what leaves before the length is known plays to its end from a pipe")
  func streams() throws {
    for (name, format) in Self.formats {
      let sound = Self.sound(48_000, channels: 2)
      let (stream, head, streamed) = try Self.encode(sound, format, comments: Self.comments)
      #expect(streamed > stream.count * 3 / 4, "\(format) streams")
      #expect(head.count < 4_096 && head != Array(stream.prefix(head.count)), "\(format)")
      let decoded = try withTemporaryFile(name, stream) { path in
        try Witness.run("sh", "-c", "cat \(path) | ffmpeg -nostdin -v error -i - -f f32le -")
      }
      #expect(decoded.errors.isEmpty, "\(format): \(decoded.errors)")
      let extra = decoded.output.count / 8 - 48_000
      // A stream of MP3 frames has no exact ends.
      #expect(name == "mp3" ? (0..<3_500).contains(extra) : extra == 0, "\(format): \(extra)")
    }
  }

  @Test("lengths and checksums are in the finished files' heads")
  func heads() throws {
    let sound = Self.sound(48_001, channels: 2)
    for (name, format) in Self.formats {
      let file = try Self.file(sound, format, comments: Self.comments)
      let text = try withTemporaryFile(name, file) {
        try Self.probe($0, "stream=codec_name,sample_rate,channels,duration")
      }
      #expect(text.contains("sample_rate=48000") && text.contains("channels=2"), "\(text)")
      // MP3's demuxer counts whole frames.
      #expect(text.contains(name == "mp3" ? "duration=1.0" : "duration=1.000021"), "\(text)")
    }
    let flac = try Self.file(sound, .flac(.signed24))
    // STREAMINFO (RFC 9639, section 8.2): 36 bits of length before 16 bytes of MD5.
    #expect(flac[21] & 0xF == 0 && Array(flac[22..<26]) == [0, 0, 0xBB, 0x81])
    #expect(flac[26..<42].contains { $0 != 0 })
    // ffmpeg verifies the checksum if it is asked to.
    let verified = try withTemporaryFile("flac", flac) {
      try Witness.run(
        "ffmpeg", "-nostdin", "-v", "warning", "-err_detect", "+crccheck+bitstream+explode", "-i",
        $0, "-f", "null", "-")
    }
    #expect(verified.status == 0 && verified.errors.isEmpty, "\(verified.errors)")
  }

  @Test("what a file says of itself is read by others")
  func comments() throws {
    for (name, format) in Self.formats {
      let file = try Self.file(Self.sound(9_600, channels: 1), format, comments: Self.comments)
      let text = try withTemporaryFile(name, file) {
        try Self.probe($0, "format_tags")
      }
      #expect(text.lowercased().contains("tag:title=glocken – “läuten”"), "\(format): \(text)")
      #expect(text.contains("riffd 0"), "\(format): \(text)")
      if name == "wav" {
        #expect(text.contains("RIFF_SEED=7\nRIFF_NEGATIVE_PROMPT=a\\\\b\\nc=d"), "\(text)")
      } else {
        #expect(text.contains("RIFF_SEED=7"), "\(format): \(text)")
        #expect(text.contains("RIFF_NEGATIVE_PROMPT=a\\b\nc=d"), "\(format): \(text)")
      }
    }
  }

  @Test("MP3 has the bit rate that was asked for", arguments: MP3Encoder.bitrates)
  func bitrates(bitrate: Int) throws {
    let file = try Self.file(Self.sound(24_000, channels: 2), .mp3(bitrate: bitrate))
    // It warns of low rates, whose frames have no room for LAME's tag.
    let text = try withTemporaryFile("mp3", file) {
      try Self.probe($0, "stream=bit_rate", level: "error")
    }
    #expect(text == "bit_rate=\(bitrate)\n")
  }

  @Test("dither makes the error of 16 bits a noise; silence stays silent")
  func dither() throws {
    // A tone of less than a step would vanish without dither.
    let tone = Signal.sine(1_000, count: 48_000, rate: 48_000, gain: 0.4 / 32_768)
    let bytes = try PCMSigned16Encoder(channels: 1).append([tone])
    let steps = bytes.withUnsafeBytes { Array($0.bindMemory(to: Int16.self)).map(Float.init) }
    #expect(Signal.share(steps, 1_000, rate: 48_000) > 0.1)
    #expect(steps.allSatisfy { abs($0) <= 2 })
    let silence = try PCMSigned16Encoder(channels: 1).append([[Float](repeating: 0, count: 100)])
    #expect(silence == [UInt8](repeating: 0, count: 200))
    let loud = try PCMSigned16Encoder(channels: 1).append([[2, -2, .infinity]])
    #expect(loud == [0xFF, 0x7F, 0, 0x80, 0xFF, 0x7F])
  }

  @Test("what cannot be encoded is refused with what is right")
  func refusals() {
    func failure(_ body: () throws -> Void) -> AudioIOError? {
      do { try body() } catch { return error as? AudioIOError }
      return nil
    }
    #expect(
      failure { _ = try FLACEncoder(channels: 1, format: .float32) }?.field == "sample_format")
    #expect(failure { _ = try MP3Encoder(channels: 1, bitrate: 100_000) }?.field == "bitrate")
    #expect(failure { _ = try WAVEncoder(channels: 3, format: .float32) }?.field == "channels")
    let keys = [AudioComment("A=B", "")]
    #expect(
      failure { _ = try MP3Encoder(channels: 1, bitrate: 128_000, comments: keys) }?.field
        == "comment")
    for (_, format) in Self.formats where format != .wav(.float32) {
      #expect(
        failure { _ = try Self.encode([[.nan]], format) }?.kind == .invalidSamples, "\(format)")
    }
  }
}
