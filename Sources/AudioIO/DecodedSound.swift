/// Samples as a decoder hands them over, checked and sorted by channel.
struct DecodedSound: ~Copyable {
  /// (channel, sample), full scale ±1.
  private(set) var channels: [[Float]]

  private let sampleRate: Int
  private let limit: Int

  /// Samples above this are no sound any more: full scale is 1, and files that scale their floats
  /// by 2¹⁵ or more should say so by being integers.
  private static let loudest: Float = 65_536

  /// - Parameter limit: samples a channel that are taken.
  init(channels: Int, sampleRate: Int, limit: Int) {
    self.channels = Array(repeating: [], count: channels)
    self.sampleRate = sampleRate
    self.limit = limit
  }

  /// Takes the first `frames` sample frames of `interleaved`. Throws `tooLarge` above the limit,
  /// `invalidSamples` where one is not finite.
  mutating func append(_ interleaved: [Float], frames: Int) throws(AudioIOError) {
    let soFar = channels[0].count
    let frames = min(frames, interleaved.count / channels.count)
    guard frames <= limit - soFar else {
      throw AudioIOError(
        .tooLarge, field: "audio",
        "longer than \(Double(limit) / Double(sampleRate)) s, the most that is taken")
    }
    let count = channels.count
    for channel in 0..<count {
      for frame in 0..<frames {
        let sample = interleaved[frame * count + channel]
        // Written so that NaN fails.
        guard abs(sample) <= Self.loudest else {
          throw AudioIOError(
            .invalidSamples, field: "audio",
            "sample \(soFar + frame) of channel \(channel + 1) is \(sample); full scale is 1")
        }
        channels[channel].append(sample)
      }
    }
  }
}
