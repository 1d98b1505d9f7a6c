/// Samples as 24-bit WAV files hold them: interleaved signed integers of three bytes, little endian,
/// without a header; full scale is 2²³, rounded to the nearest step.
public final class PCMSigned24Encoder: AudioStreamEncoder {
  public let channels: Int

  private var quantizer = Quantizer(bits: 24)

  /// Channels 1 ... 8. Throws `invalidParameter`.
  public init(channels: Int) throws(AudioIOError) {
    self.channels = try checkedChannels(channels)
  }

  /// Throws `invalidSamples`, also where one is not a number.
  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8] {
    let count = try samples.checkedCount(channels: channels)
    let steps = try quantizer.interleave(samples, count: count)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(3 * steps.count)
    for step in steps {
      bytes.append(UInt8(truncatingIfNeeded: step))
      bytes.append(UInt8(truncatingIfNeeded: step >> 8))
      bytes.append(UInt8(truncatingIfNeeded: step >> 16))
    }
    return bytes
  }

  public func finish() throws(AudioIOError) -> [UInt8] { [] }
}
