/// An uploaded sound file, opened: what its header says, and the part of it that is wanted, decoded.
///
/// WAV and AIFF are read by libsndfile, FLAC, in Ogg too, by libFLAC, MP3 by libmpg123, Ogg Vorbis by
/// libvorbisfile and Ogg Opus by libopusfile. What a header claims is never believed: memory is taken
/// for what comes out, up to the limits. Owned by one thread at a time.
public final class AudioReader {
  /// What a sound may be at most.
  public struct Limits: Sendable, Equatable {
    /// Seconds of the part that is used.
    public var seconds: Double
    /// Samples of each channel that comes out.
    public var samples: Int

    /// One hour, and what 48 kHz take for it.
    public init(seconds: Double = 3_600, samples: Int = 3_600 * 48_000) {
      self.seconds = seconds
      self.samples = samples
    }
  }

  /// The part of a sound that is wanted, and how.
  public struct Part: Sendable, Equatable {
    /// In seconds from the sound's beginning.
    public var start: Double
    /// In seconds; nil: to the end.
    public var duration: Double?
    /// Whether the rest is missed: then what lies beyond the part is no reason for a warning.
    public var isExcerpt: Bool
    /// One channel: the mean of all. Two: the first two, or the only one twice. Nil: as they are.
    public var channels: Int?
    /// In hertz; nil: as it is.
    public var sampleRate: Int?

    /// The whole sound as it is in the file, or what differs from that.
    public init(
      start: Double = 0, duration: Double? = nil, isExcerpt: Bool = false, channels: Int? = nil,
      sampleRate: Int? = nil
    ) {
      self.start = start
      self.duration = duration
      self.isExcerpt = isExcerpt
      self.channels = channels
      self.sampleRate = sampleRate
    }
  }

  /// Rates that can be read, in hertz.
  public static let sampleRates = 1_000...384_000
  /// Channels that can be read.
  public static let channelCounts = 1...8

  /// Of the file's beginning, in hertz.
  public var sampleRate: Int { decoder.sampleRate }
  /// Of the file's beginning.
  public var channels: Int { decoder.channels }
  /// Seconds of sound in the file; nil where only decoding can tell.
  public var duration: Double? { decoder.duration }
  /// What the user should know of the file and of what was left out, as far as it was read: a
  /// sentence each.
  public var warnings: [String] { decoder.damage.warnings + notes }

  /// No sound lasts so many seconds, and places before it are integers in samples.
  private static let latestStart = 1e9
  /// Samples a channel that are handed over together, at least.
  private static let pieceLength = 1 << 15

  private let decoder: any SoundDecoder
  private var notes: [String] = []

  /// Opens a file by what its first bytes say it is. Of MP3, all headers are read.
  ///
  /// - Parameters:
  ///   - source: the file; it is read where the decoder needs it.
  ///   - check: called several times a second of work; what it throws ends the opening.
  /// - Throws: `unsupportedFormat` with the detected type and a way to convert it, `damagedFile`,
  ///   `inputFailed`, and what `check` throws.
  public init(_ source: any ByteSource, check: () throws -> Void = {}) throws {
    decoder = try AudioFormat.open(source, check: check)
    try Self.check(sampleRate: decoder.sampleRate, channels: decoder.channels)
  }

  /// Decodes a part: blocks of it are mixed and resampled as they come.
  ///
  /// - Parameters:
  ///   - part: what of the sound, in how many channels and at what rate.
  ///   - limits: what it may be at most.
  ///   - check: called several times a second of work; what it throws ends the decoding.
  /// - Returns: at least one sample a channel, all finite.
  /// - Throws: `damagedFile`, `tooLarge`, before anything is decoded where the file tells its length,
  ///   `invalidParameter` where the part lies beyond the end, `invalidSamples`, `inputFailed`.
  public func read(
    _ part: Part = Part(), limits: Limits = Limits(), check: () throws -> Void = {}
  ) throws -> AudioClip {
    var channels = [[Float]](repeating: [], count: part.channels ?? self.channels)
    try read(part, limits: limits, check: check) { samples in
      for channel in channels.indices { channels[channel] += samples[channel] }
    }
    return AudioClip(sampleRate: part.sampleRate ?? sampleRate, channels: channels)
  }

  /// Decodes a part and hands it over in pieces, so that it need not fit into memory.
  ///
  /// - Parameters:
  ///   - part: what of the sound, in how many channels and at what rate.
  ///   - limits: what it may be at most.
  ///   - check: called several times a second of work; what it throws ends the decoding.
  ///   - sink: takes the next samples, (channel, sample), all finite.
  /// - Returns: samples a channel, at least one.
  /// - Throws: as ``read(_:limits:check:)``, and what `sink` throws.
  @discardableResult
  public func read(
    _ part: Part, limits: Limits = Limits(), check: () throws -> Void = {},
    to sink: (_ samples: [[Float]]) throws -> Void
  ) throws -> Int {
    let rate = part.sampleRate ?? sampleRate
    try checkLength(part, rate: rate, limits)
    if let duration, duration > 0, part.start >= duration { throw empty(part) }
    guard part.start < Self.latestStart else { throw empty(part) }
    var sound = SoundAssembly(part, rate: rate, channels: part.channels ?? channels, limits: limits)
    var place = part.start > 0 ? try decoder.seek(to: part.start) : 0
    while !sound.isComplete {
      try check()
      guard var block = try decoder.next() else { break }
      try Self.check(sampleRate: block.sampleRate, channels: block.channels)
      let early = Int(((part.start - place) * Double(block.sampleRate)).rounded())
      place += Double(block.frames) / Double(block.sampleRate)
      if early >= block.frames { continue }
      if early > 0 { block = block.dropping(early) }
      try sound.append(block)
      if sound.readyCount >= Self.pieceLength { try sink(sound.take()) }
    }
    try sound.finish()
    guard sound.sampleCount > 0 else { throw empty(part) }
    if sound.readyCount > 0 { try sink(sound.take()) }
    if !part.isExcerpt { noteRest(part, used: sound.seconds, isComplete: sound.isComplete) }
    return sound.sampleCount
  }

  /// Throws `tooLarge` where it can be told before anything is decoded.
  private func checkLength(_ part: Part, rate: Int, _ limits: Limits) throws(AudioIOError) {
    let rest = duration.map { max(0, $0 - part.start) }
    guard let seconds = [part.duration, rest].compactMap({ $0 }).min() else { return }
    guard seconds <= limits.seconds else { throw Self.tooLong(limits.seconds) }
    guard seconds * Double(rate) < Double(limits.samples) + 1 else {
      throw AudioIOError(
        .tooLarge, field: "audio",
        """
        \(Seconds.text(seconds)) s at \(rate) Hz are more than \(limits.samples) samples, the most \
        that are taken; choose a shorter part or a lower rate
        """)
    }
  }

  /// Why nothing came out.
  private func empty(_ part: Part) -> AudioIOError {
    guard part.start > 0 else {
      return AudioIOError(.damagedFile, field: "audio", "the file is empty: it has no samples")
    }
    let length = duration.map { "\(Seconds.text($0)) s long" } ?? "shorter"
    return AudioIOError(
      .invalidParameter, field: "start_seconds",
      "\(Seconds.text(part.start)) s is beyond the end of the sound, which is \(length)")
  }

  /// Notes what of the file was not asked for.
  private func noteRest(_ part: Part, used: Double, isComplete: Bool) {
    guard part.start > 0 || isComplete else { return }
    let end = part.start + used
    if let duration {
      guard duration - used > 0.01 else { return }
      notes.append(
        "of the sound's \(Seconds.text(duration)) s, \(Seconds.text(used)) s are used, from "
          + "\(Seconds.text(part.start)) to \(Seconds.text(end)) s; the rest is left out")
    } else if part.start > 0 || (try? decoder.next()) ?? nil != nil {
      notes.append(
        "\(Seconds.text(used)) s of the sound are used, from \(Seconds.text(part.start)) to "
          + "\(Seconds.text(end)) s; the rest is left out")
    }
  }

  static func tooLong(_ seconds: Double) -> AudioIOError {
    AudioIOError(
      .tooLarge, field: "audio",
      "longer than \(Seconds.text(seconds)) s, the most that is used; choose a part of it")
  }

  /// Throws `damagedFile` where the header tells of a sound that cannot be.
  private static func check(sampleRate: Int, channels: Int) throws(AudioIOError) {
    guard sampleRates.contains(sampleRate) else {
      throw AudioIOError(
        .damagedFile, field: "audio",
        """
        its sample rate must be \(sampleRates.lowerBound) to \(sampleRates.upperBound) Hz, not \
        \(sampleRate) Hz
        """)
    }
    guard channelCounts.contains(channels) else {
      throw AudioIOError(
        .damagedFile, field: "audio",
        """
        it must have \(channelCounts.lowerBound) to \(channelCounts.upperBound) channels, not \
        \(channels)
        """)
    }
  }
}
