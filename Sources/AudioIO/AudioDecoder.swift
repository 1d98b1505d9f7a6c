internal import CSndFile

/// Uploaded files to samples, through libsndfile, from memory: WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus
/// and AIFF.
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
    try checkFormat(bytes)
    // The file's callbacks point into `memory`, which outlives the file's use.
    let memory = MemoryFile(bytes)
    defer { withExtendedLifetime(memory) {} }
    let file = try SoundFile(memory)
    guard sampleRates.contains(file.sampleRate) else {
      throw AudioIOError(
        .damagedFile, field: "audio",
        """
        its sample rate is \(file.sampleRate) Hz; right is \(sampleRates.lowerBound) ... \
        \(sampleRates.upperBound) Hz
        """)
    }
    guard (1...8).contains(file.channels) else {
      throw AudioIOError(
        .damagedFile, field: "audio", "it has \(file.channels) channels; right is 1 ... 8")
    }
    let frames = min(
      Int(min(limits.seconds * Double(file.sampleRate), 1e12)), limits.samples / file.channels)
    let channels = try file.read(atMost: frames)
    guard !channels[0].isEmpty else {
      throw AudioIOError(.damagedFile, field: "audio", "there are no samples in it")
    }
    return AudioClip(sampleRate: file.sampleRate, channels: channels)
  }

  private static func checkFormat(_ bytes: [UInt8]) throws(AudioIOError) {
    switch AudioFormat(detecting: bytes) {
    case .wav, .flac, .mp3, .ogg, .aiff: return
    case .unsupported(let name, let fileExtension):
      throw AudioIOError(
        .unsupportedFormat, field: "audio",
        """
        this is \(name), which cannot be read; convert it: \
        ffmpeg -i input.\(fileExtension) -vn output.flac
        """)
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
