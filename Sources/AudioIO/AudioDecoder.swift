/// Uploaded files to samples, from memory: WAV, FLAC, Ogg Vorbis, Ogg Opus and AIFF through
/// libsndfile, MP3 through libmpg123.
public enum AudioDecoder {
  /// What an upload may be at most.
  public struct Limits: Sendable, Equatable {
    /// Bytes of the file.
    public var bytes: Int
    /// Seconds of sound.
    public var seconds: Double
    /// Samples of all channels together.
    public var samples: Int

    /// 64 MiB, ten minutes, and what stereo at 96 kHz takes for them.
    public init(bytes: Int = 64 << 20, seconds: Double = 600, samples: Int = 600 * 96_000 * 2) {
      self.bytes = bytes
      self.seconds = seconds
      self.samples = samples
    }
  }

  /// Rates that can be read, in hertz.
  public static let sampleRates = 1_000...384_000

  /// Decodes a whole file. What its header claims is never believed: memory is taken for what
  /// comes out, up to the limits.
  ///
  /// - Returns: at least one sample a channel, all finite.
  /// - Throws: `unsupportedFormat` with the detected type and a way to convert it, `damagedFile`,
  ///   `tooLarge`, `invalidSamples`.
  public static func decode(
    _ bytes: [UInt8], limits: Limits = Limits()
  ) throws(AudioIOError) -> AudioClip {
    guard bytes.count <= limits.bytes else {
      throw AudioIOError(
        .tooLarge, field: "audio", "\(bytes.count) bytes; at most \(limits.bytes) are taken")
    }
    let isMP3 = try checkFormat(bytes) == .mp3
    // The file's callbacks point into `memory`, which outlives the file's use.
    let memory = MemoryFile(bytes)
    defer { withExtendedLifetime(memory) {} }
    let sampleRate: Int
    let channels: [[Float]]
    if isMP3 {
      let file = try MP3File(memory)
      sampleRate = file.sampleRate
      channels = try file.read(
        atMost: samples(limits, sampleRate: sampleRate, channels: file.channels))
    } else {
      let file = try SoundFile(memory)
      sampleRate = file.sampleRate
      channels = try file.read(
        atMost: samples(limits, sampleRate: sampleRate, channels: file.channels))
    }
    guard !channels[0].isEmpty else {
      throw AudioIOError(.damagedFile, field: "audio", "there are no samples in it")
    }
    return AudioClip(sampleRate: sampleRate, channels: channels)
  }

  /// Samples a channel that the limits let through. Throws `damagedFile` where the header tells of
  /// a sound that cannot be.
  private static func samples(
    _ limits: Limits, sampleRate: Int, channels: Int
  ) throws(AudioIOError) -> Int {
    guard sampleRates.contains(sampleRate) else {
      throw AudioIOError(
        .damagedFile, field: "audio",
        """
        its sample rate is \(sampleRate) Hz; right is \(sampleRates.lowerBound) ... \
        \(sampleRates.upperBound) Hz
        """)
    }
    guard (1...8).contains(channels) else {
      throw AudioIOError(
        .damagedFile, field: "audio", "it has \(channels) channels; right is 1 ... 8")
    }
    return min(
      Int(min(limits.seconds * Double(sampleRate), 1e12)), limits.samples / channels)
  }

  private static func checkFormat(_ bytes: [UInt8]) throws(AudioIOError) -> AudioFormat {
    let format = AudioFormat(detecting: bytes)
    switch format {
    case .wav, .flac, .mp3, .ogg, .aiff: return format
    case .unsupported(let name, let fileExtension):
      throw AudioIOError(
        .unsupportedFormat, field: "audio",
        """
        this is \(name), which cannot be read; convert it: \
        ffmpeg -i input.\(fileExtension) -vn output.flac
        """)
    case .midi:
      throw AudioIOError(
        .unsupportedFormat, field: "audio",
        """
        this is a MIDI score, which holds no sound; play it into a file: \
        fluidsynth -F output.wav soundfont.sf2 input.mid
        """)
    case .picture:
      throw AudioIOError(
        .unsupportedFormat, field: "audio",
        "this is a picture, which holds no sound; if it is a spectrogram, render it")
    case .unknown:
      throw AudioIOError(
        .unsupportedFormat, field: "audio",
        """
        this is none of WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus and AIFF; if it is sound, convert \
        it: ffmpeg -i input -vn output.flac
        """)
    }
  }
}
