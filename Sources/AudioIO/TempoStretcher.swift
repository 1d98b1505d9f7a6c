internal import CSoundTouch

/// A sound at another tempo, pitch unchanged, through libsoundtouch, a block at a time.
///
/// n samples in come out as exactly round(n / ratio). Owned by one thread at a time; it is the one owner of
/// its handle.
public final class TempoStretcher {
  /// New tempo to old.
  public let ratio: Double
  /// 1 to 8, in and out.
  public let channels: Int

  private let handle: OpaquePointer
  private var consumed = 0
  private var produced = 0
  private var finished = false

  /// How much faster or slower a sound can become.
  public static let ratios = 0.1...10.0
  /// Frames that are taken out at a time.
  private static let block = 8_192

  /// - Parameters:
  ///   - sampleRate: in hertz, of both.
  ///   - channels: 1 to 8.
  ///   - ratio: new tempo to old, one of ``ratios``.
  /// - Throws: `invalidParameter`, `codecFailed`, `outOfMemory`.
  public init(sampleRate: Int, channels: Int, ratio: Double) throws(AudioIOError) {
    guard AudioReader.sampleRates.contains(sampleRate), Self.ratios.contains(ratio) else {
      throw AudioIOError(
        .invalidParameter, field: "tempo",
        "a sound at \(sampleRate) Hz cannot become \(ratio) times as fast; 0.1 to 10 times can")
    }
    self.channels = try checkedChannels(channels)
    self.ratio = ratio
    guard let handle = sound_stretcher_create(UInt32(sampleRate), UInt32(channels), ratio) else {
      throw MemoryWatch.failure("tempo stretcher")
    }
    self.handle = handle
  }

  deinit { sound_stretcher_destroy(handle) }

  /// Takes samples (channel, sample) and returns those that are ready, maybe none. Throws
  /// `invalidSamples` unless there are `channels` channels of one length, `outOfMemory`.
  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [[Float]] {
    let count = try samples.checkedCount(channels: channels)
    guard !finished else {
      throw AudioIOError(
        .invalidSamples, field: "tempo stretcher", "it has ended and takes no more samples")
    }
    consumed += count
    var result = empty
    for start in stride(from: 0, to: count, by: Self.block) {
      let end = min(start + Self.block, count)
      var interleaved: [Float] = []
      interleaved.reserveCapacity((end - start) * channels)
      for index in start..<end { for channel in samples { interleaved.append(channel[index]) } }
      guard sound_stretcher_put(handle, interleaved, UInt32(end - start)) == 0 else {
        throw MemoryWatch.failure("tempo stretcher")
      }
      try receive(into: &result)
    }
    return result
  }

  /// The samples that were still held back: with them, the length is exact.
  public func finish() throws(AudioIOError) -> [[Float]] {
    guard !finished else { return empty }
    finished = true
    var rest = empty
    guard sound_stretcher_flush(handle) == 0 else {
      throw MemoryWatch.failure("tempo stretcher")
    }
    try receive(into: &rest)
    let expected = Int((Double(consumed) / ratio).rounded())
    let wanted = max(0, rest[0].count + expected - produced)
    for channel in rest.indices {
      if rest[channel].count > wanted { rest[channel].removeLast(rest[channel].count - wanted) }
      rest[channel] += [Float](repeating: 0, count: wanted - rest[channel].count)
    }
    produced = expected
    return rest
  }

  private var empty: [[Float]] { Array(repeating: [], count: channels) }

  private func receive(into result: inout [[Float]]) throws(AudioIOError) {
    var interleaved = [Float](repeating: 0, count: Self.block * channels)
    while true {
      let count = Int(sound_stretcher_receive(handle, &interleaved, UInt32(Self.block)))
      guard count >= 0 else { throw MemoryWatch.failure("tempo stretcher") }
      guard count > 0 else { return }
      produced += count
      for channel in 0..<channels {
        for index in 0..<count { result[channel].append(interleaved[index * channels + channel]) }
      }
    }
  }
}
