/// Samples as they are: interleaved 32-bit floats, little endian, without a header.
public final class PCMFloat32Encoder: AudioStreamEncoder {
  public let channels: Int

  /// Channels 1 ... 8. Throws `invalidParameter`.
  public init(channels: Int) throws(AudioIOError) {
    self.channels = try checkedChannels(channels)
  }

  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8] {
    let count = try samples.checkedCount(channels: channels)
    return [UInt8](unsafeUninitializedCapacity: count * channels * 4) { bytes, written in
      let raw = UnsafeMutableRawBufferPointer(bytes)
      for (channel, values) in samples.enumerated() {
        for (frame, value) in values.enumerated() {
          raw.storeBytes(
            of: value.bitPattern.littleEndian, toByteOffset: (frame * channels + channel) * 4,
            as: UInt32.self)
        }
      }
      written = count * channels * 4
    }
  }

  public func finish() throws(AudioIOError) -> [UInt8] { [] }
}
