import AudioIO
import Foundation
import Testing

@Suite("Uploads in")
struct AudioReaderTests {
  /// A format, how ffmpeg writes it, and how well it keeps the sound.
  struct Format: Sendable, CustomTestStringConvertible {
    let fileExtension: String
    let codec: String
    var lossless = false
    /// What the codec adds or drops at the ends, in samples.
    var slack = 0
    var rates = [8_000, 44_100, 48_000]
    var channels = [1, 2]
    var testDescription: String { "\(codec) in \(fileExtension)" }
  }

  static let formats = [
    Format(
      fileExtension: "wav", codec: "pcm_s16le", lossless: true, rates: [8_000, 44_100, 192_000],
      channels: [1, 2, 3, 6, 8]),
    Format(fileExtension: "wav", codec: "pcm_u8"),
    Format(fileExtension: "wav", codec: "pcm_s24le", lossless: true),
    Format(fileExtension: "wav", codec: "pcm_f32le", lossless: true),
    Format(fileExtension: "flac", codec: "flac", lossless: true, channels: [1, 2, 5]),
    Format(fileExtension: "aiff", codec: "pcm_s16be", lossless: true),
    Format(fileExtension: "mp3", codec: "libmp3lame", slack: 3_000),
    Format(fileExtension: "ogg", codec: "libvorbis", slack: 0),
    Format(fileExtension: "opus", codec: "libopus", rates: [48_000]),
  ]

  /// ffmpeg's file of a 440 Hz sine, a second long and a bit.
  static func file(
    _ format: Format, rate: Int, channels: Int, seconds: Double = 1.1
  ) throws -> [UInt8] {
    try withTemporaryFile(format.fileExtension) { path in
      let expressions = (0..<channels).map { _ in "0.5*sin(2*PI*440*t)" }.joined(separator: "|")
      let ffmpeg = try Witness.run(
        "ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
        "aevalsrc=\(expressions):s=\(rate):d=\(seconds)", "-c:a", format.codec, path)
      try #require(ffmpeg.status == 0, "\(ffmpeg.errors)")
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }
  }

  @Test("every format that ffmpeg writes for us", arguments: formats)
  func decodes(format: Format) throws {
    for rate in format.rates {
      for channels in format.channels {
        let clip = try Clip.decode(Self.file(format, rate: rate, channels: channels))
        #expect(clip.sampleRate == rate)
        #expect(clip.channels.count == channels)
        let expected = Int((1.1 * Double(rate)).rounded())
        #expect(abs(clip.sampleCount - expected) <= format.slack, "\(rate) Hz, \(channels)")
        for sound in clip.channels {
          #expect(sound.count == clip.sampleCount)
          let middle = sound[(sound.count / 4)..<(3 * sound.count / 4)]
          #expect(Signal.share(middle, 440, rate: rate) > 0.99)
          if format.lossless {
            let sine = Signal.sine(440, count: sound.count, rate: rate)
            #expect(Signal.ratio(sine, sound) > 80)
          }
        }
      }
    }
  }

  @Test(
    "what cannot be read is named, with the way to convert it",
    arguments: [
      ("m4a", "aac", "M4A", "input.m4a"), ("mp4", "aac", "MPEG-4", "input.mp4"),
      ("webm", "libopus", "WebM", "input.webm"), ("aac", "aac", "AAC", "input.aac"),
      ("caf", "pcm_s16le", "CAF", "input.caf"), ("avi", "pcm_s16le", "AVI", "input.avi"),
      ("wma", "wmav2", "WMA", "input.wma"),
    ])
  func unsupported(fileExtension: String, codec: String, name: String, input: String) throws {
    let bytes = try Self.file(
      Format(fileExtension: fileExtension, codec: codec), rate: 48_000, channels: 1)
    let error = try #require(throws: AudioIOError.self) { try Clip.decode(bytes) }
    #expect(error.kind == .unsupportedFormat)
    #expect(error.message.contains(name))
    #expect(error.message.contains("ffmpeg -i \(input) "))
  }

  @Test("what holds no sound is not sent to ffmpeg")
  func soundless() throws {
    let avif: [UInt8] = [0, 0, 0, 28] + Array("ftypavif".utf8)
    for (bytes, name) in [
      (Array("MThd\0\0\0\u{6}".utf8), "MIDI"), ([0x89, 0x50, 0x4E, 0x47], "a picture"),
      ([0xFF, 0xD8, 0xFF, 0xE0], "a picture"), (avif, "a picture"),
    ] {
      let error = try #require(throws: AudioIOError.self) { try Clip.decode(bytes) }
      #expect(error.kind == .unsupportedFormat)
      #expect(error.message.contains(name))
      #expect(!error.message.contains("ffmpeg"))
    }
  }

  /// A WAV file from its fields, true or not.
  static func wav(
    format: UInt16 = 1, channels: UInt16 = 1, rate: UInt32 = 44_100, bits: UInt16 = 16,
    claimed: UInt32? = nil, _ samples: [UInt8]
  ) -> [UInt8] {
    func little(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    let align = channels &* (bits / 8)
    var bytes = Array("RIFF".utf8) + little(claimed ?? UInt32(36 + samples.count))
    bytes += Array("WAVEfmt ".utf8) + little(UInt32(16)) + little(format) + little(channels)
    bytes += little(rate) + little(rate &* UInt32(align)) + little(align) + little(bits)
    bytes += Array("data".utf8) + little(claimed ?? UInt32(samples.count)) + samples
    return bytes
  }

  @Test("a header that lies about its length takes no more than there is")
  func lyingLength() throws {
    let samples = (0..<1_000).map { UInt8($0 % 256) }
    for claimed: UInt32 in [0xFFFF_FFFF, 0x7FFF_FFFF, 5_000] {
      let clip = try Clip.decode(Self.wav(claimed: claimed, samples))
      #expect(clip.sampleCount == 500)
    }
    let whole = Self.wav(samples)
    #expect(try Clip.decode(whole).sampleCount == 500)
    #expect(try Clip.decode(Array(whole.dropLast(400))).sampleCount == 300)
  }

  @Test(
    "headers of sounds that cannot be",
    arguments: [
      wav(rate: 1, [0, 0]), wav(rate: 10_000_000, [0, 0]), wav(rate: 0, [0, 0]),
      wav(rate: 0xFFFF_FFFF, [0, 0]), wav(channels: 0, [0, 0]),
      wav(channels: 9, [UInt8](repeating: 0, count: 18)),
      wav(channels: 0xFFFF, [0, 0]), wav(bits: 0, [0, 0]), wav(bits: 0xFFFF, [0, 0]),
      wav(format: 0x7777, [0, 0]), wav([]), Array(wav([]).prefix(20)), Array("RIFF".utf8),
      Array("OggS".utf8), Array("fLaC".utf8), Array("FORM    AIFF".utf8), Array("ID3".utf8), [],
      [0xFF, 0xFB], Array("just some text, no sound at all".utf8),
    ])
  func impossible(bytes: [UInt8]) throws {
    let error = try #require(throws: AudioIOError.self) { try Clip.decode(bytes) }
    #expect(error.field == "audio")
    #expect(!error.message.isEmpty)
  }

  @Test("samples that are no numbers, or no sound, are refused; silence and clipping are not")
  func samples() throws {
    func file(_ values: [Float]) -> [UInt8] {
      Self.wav(
        format: 3, bits: 32,
        values.flatMap { value in
          withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
        })
    }
    for wrong: Float in [.nan, .infinity, -.infinity, 1e30] {
      let error = try #require(throws: AudioIOError.self) {
        try Clip.decode(file([0, 0.5, wrong]))
      }
      #expect(error.kind == .invalidSamples)
      #expect(error.message.contains("sample 2 of channel 1"))
    }
    #expect(try Clip.decode(file([0, 0, 0])).channels == [[0, 0, 0]])
    #expect(try Clip.decode(file([2, -2])).channels == [[2, -2]])
  }

  @Test("limits hold before memory is taken")
  func limits() throws {
    let bytes = Self.wav([UInt8](repeating: 1, count: 100_000))
    for limits in [
      AudioReader.Limits(seconds: 1),
      AudioReader.Limits(samples: 49_999), AudioReader.Limits(seconds: 0),
    ] {
      let error = try #require(throws: AudioIOError.self) {
        try Clip.decode(bytes, limits: limits)
      }
      #expect(error.kind == .tooLarge)
    }
    let enough = AudioReader.Limits(samples: 50_000)
    #expect(try Clip.decode(bytes, limits: enough).sampleCount == 50_000)
  }

  @Test("any damage: a sound or an error", arguments: formats)
  func damage(format: Format) throws {
    let whole = try Self.file(
      format, rate: format.rates[0], channels: format.channels[0], seconds: 0.2)
    var state: UInt64 = 1
    var refused = 0
    for round in 0..<120 {
      var bytes = whole
      if round % 3 == 0 { bytes = Array(bytes.prefix(whole.count * round / 120)) }
      for _ in 0..<(round % 3 == 0 ? 0 : 4) {
        state = state &* 6_364_136_223_846_793_005 &+ 1
        // Mostly in the header, where it hurts.
        let reach = round % 2 == 0 ? min(200, bytes.count) : bytes.count
        bytes[Int(state >> 33) % reach] = UInt8(truncatingIfNeeded: state >> 20)
      }
      do {
        let clip = try Clip.decode(bytes)
        #expect(clip.channels.allSatisfy { $0.allSatisfy(\.isFinite) })
      } catch {
        refused += 1
      }
    }
    #expect(refused > 0)
  }
}
