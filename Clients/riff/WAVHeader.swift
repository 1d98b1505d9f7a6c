/// The header of a WAV file of interleaved 32-bit float samples at 48 kHz.
struct WAVHeader {
  static let sampleRate: UInt32 = 48_000

  var channels: Int
  /// Samples of each channel.
  var sampleCount: Int

  /// Largest `sampleCount` that the format's 32-bit sizes allow for so many channels.
  static func limit(channels: Int) -> Int {
    (Int(UInt32.max) - 50) / (4 * max(channels, 1))
  }

  /// 58 bytes: RIFF, an 18-byte `fmt ` chunk of WAVE_FORMAT_IEEE_FLOAT, `fact`, and the head of
  /// `data`.
  var bytes: [UInt8] {
    let frameSize = UInt32(4 * self.channels)
    let dataSize = UInt32(clamping: self.sampleCount * Int(frameSize))
    var bytes: [UInt8] = []
    func append(_ text: String) { bytes += Array(text.utf8) }
    func append32(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
    func append16(_ value: UInt16) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
    append("RIFF")
    append32(50 + dataSize)
    append("WAVE")
    append("fmt ")
    append32(18)
    append16(3)
    append16(UInt16(self.channels))
    append32(Self.sampleRate)
    append32(Self.sampleRate * frameSize)
    append16(UInt16(frameSize))
    append16(32)
    append16(0)
    append("fact")
    append32(4)
    append32(UInt32(clamping: self.sampleCount))
    append("data")
    append32(dataSize)
    return bytes
  }
}
