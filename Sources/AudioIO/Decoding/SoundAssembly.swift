/// The part of a sound that is wanted, put together from blocks: cut, mixed, resampled. What is ready may be
/// taken out as it comes.
struct SoundAssembly: ~Copyable {
  private let rate: Int
  private let wanted: Int
  private let mixes: Bool
  /// Seconds that are taken, and whether more is an error.
  private let end: Double
  private let isBounded: Bool
  private let limits: AudioReader.Limits

  /// What is ready and was not taken out, (channel, sample).
  private var channels: [[Float]]
  /// Samples a channel so far, those that were taken out among them.
  private(set) var sampleCount = 0
  private var resampler: StreamResampler?
  /// Seconds so far.
  private(set) var seconds = 0.0
  /// Whether all that was asked for is there.
  private(set) var isComplete = false

  /// Samples above this are not sound any more: full scale is 1, and files that scale their floats
  /// by 2¹⁵ or more should say so by being integers.
  private static let loudest: Float = 65_536

  /// - Parameter channels: that come out.
  init(_ part: AudioReader.Part, rate: Int, channels: Int, limits: AudioReader.Limits) {
    self.rate = rate
    wanted = channels
    mixes = part.channels != nil
    end = part.duration ?? limits.seconds
    isBounded = part.duration != nil
    self.limits = limits
    self.channels = Array(repeating: [], count: channels)
  }

  /// Takes a block. Throws `tooLarge`, `invalidSamples`, `codecFailed`.
  mutating func append(_ block: SoundBlock) throws(AudioIOError) {
    var block = block
    let room = ((end - seconds) * Double(block.sampleRate)).rounded()
    if Double(block.frames) >= room {
      if !isBounded, Double(block.frames) > room { throw AudioReader.tooLong(limits.seconds) }
      isComplete = isBounded
      block = block.prefix(max(0, Int(room)))
    }
    try check(block)
    // Links of other rates and numbers of channels follow the first's.
    let mixed = block.mixed(to: mixes || block.channels != wanted ? wanted : nil)
    if resampler?.inputRate != block.sampleRate {
      try drain()
      resampler = try StreamResampler(from: block.sampleRate, to: rate, channels: wanted)
    }
    seconds += Double(block.frames) / Double(block.sampleRate)
    if let resampler { try keep(resampler.append(mixed)) }
  }

  /// Takes no more blocks: all that there is is ready.
  mutating func finish() throws(AudioIOError) { try drain() }

  /// Samples a channel that are ready.
  var readyCount: Int { channels[0].count }

  /// Hands over what is ready, (channel, sample).
  mutating func take() -> [[Float]] {
    defer { channels = Array(repeating: [], count: channels.count) }
    return channels
  }

  private mutating func drain() throws(AudioIOError) {
    if let resampler { try keep(resampler.finish()) }
  }

  private mutating func keep(_ samples: [[Float]]) throws(AudioIOError) {
    guard samples[0].count <= limits.samples - sampleCount else {
      throw AudioIOError(
        .tooLarge, field: "audio",
        "more than \(limits.samples) samples at \(rate) Hz; choose a shorter part or a lower rate")
    }
    sampleCount += samples[0].count
    for channel in channels.indices { channels[channel] += samples[channel] }
  }

  private func check(_ block: SoundBlock) throws(AudioIOError) {
    // Written so that NaN fails.
    guard let index = block.samples.firstIndex(where: { !(abs($0) <= Self.loudest) }) else {
      return
    }
    let frame = Int(seconds * Double(block.sampleRate)) + index / block.channels
    throw AudioIOError(
      .invalidSamples, field: "audio",
      "sample \(frame) of channel \(index % block.channels + 1) is \(block.samples[index]); full "
        + "scale is 1")
  }
}
