/// Samples as 16-bit WAV files hold them: interleaved signed integers, little endian, without a
/// header; full scale is 2¹⁵, with triangular dither.
public final class PCMSigned16Encoder: AudioStreamEncoder {
  public let channels: Int

  private var quantizer = Quantizer(bits: 16)

  /// Channels 1 ... 8. Throws `invalidParameter`.
  public init(channels: Int) throws(AudioIOError) {
    self.channels = try checkedChannels(channels)
  }

  /// Throws `invalidSamples`, also where one is not a number.
  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8] {
    let count = try samples.checkedCount(channels: channels)
    let steps = try quantizer.interleave(samples, count: count)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2 * steps.count)
    for step in steps {
      bytes.append(UInt8(truncatingIfNeeded: step))
      bytes.append(UInt8(truncatingIfNeeded: step >> 8))
    }
    return bytes
  }

  public func finish() throws(AudioIOError) -> [UInt8] { [] }
}
