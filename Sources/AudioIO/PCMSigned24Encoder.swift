/// Samples as 24-bit WAV files hold them: interleaved signed integers of three bytes, little endian,
/// without a header; full scale is 2²³.
///
/// Values are rounded to the nearest step, without dither: its noise would lie 140 dB down, below
/// what any converter resolves and about as deep as the last bit of the 32-bit floats that come in,
/// and it would make noise of silence. What exceeds full scale is clipped.
public final class PCMSigned24Encoder: AudioStreamEncoder {
  public let channels: Int

  private static let scale: Float = 8_388_608

  /// Channels 1 ... 8. Throws `invalidParameter`.
  public init(channels: Int) throws(AudioIOError) {
    guard (1...8).contains(channels) else {
      throw AudioIOError(
        .invalidParameter, field: "channels", "\(channels) is out of range; right is 1 ... 8")
    }
    self.channels = channels
  }

  /// Throws `invalidSamples`, also where one is no number.
  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8] {
    let count = try samples.checkedCount(channels: channels)
    var bytes = [UInt8](repeating: 0, count: count * channels * 3)
    for (channel, values) in samples.enumerated() {
      for (frame, value) in values.enumerated() {
        guard !value.isNaN else {
          throw AudioIOError(
            .invalidSamples, field: "samples", "channel \(channel + 1) holds one that is \(value)")
        }
        // Clamped to -2²³ ... 2²³ - 1, all of which a Float holds exactly.
        let step = Int32(
          max(-Self.scale, min(Self.scale - 1, (value * Self.scale).rounded(.toNearestOrEven))))
        let place = (frame * channels + channel) * 3
        bytes[place] = UInt8(truncatingIfNeeded: step)
        bytes[place + 1] = UInt8(truncatingIfNeeded: step >> 8)
        bytes[place + 2] = UInt8(truncatingIfNeeded: step >> 16)
      }
    }
    return bytes
  }

  public func finish() throws(AudioIOError) -> [UInt8] { [] }
}
