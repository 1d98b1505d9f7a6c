/// The header of a WAV file of interleaved samples at 48 kHz.
struct WAVHeader {
  static let sampleRate: UInt32 = 48_000

  private let format: WAVFormat
  private let channels: Int
  private let sampleCount: Int

  /// - Parameters:
  ///   - channels: 1 or 2.
  ///   - sampleCount: Samples of each channel.
  /// - Returns: `nil` for more sound than the format's 32-bit sizes can tell of.
  init?(format: WAVFormat, channels: UInt32, sampleCount: UInt64) {
    guard (1...2).contains(channels), sampleCount <= UInt64(UInt32.max) else { return nil }
    self.format = format
    self.channels = Int(channels)
    self.sampleCount = Int(sampleCount)
    guard self.riffSize <= Int(UInt32.max) else { return nil }
  }

  /// Whether a zero follows the samples: chunks begin at even places.
  var isPadded: Bool { self.dataSize % 2 == 1 }

  /// Bytes of a header, whatever the sound.
  static let size = 80

  /// RIFF, `fmt `, `fact`, and the head of `data`.
  var bytes: [UInt8] {
    let description = self.description
    var bytes: [UInt8] = []
    bytes += Array("RIFF".utf8) + Self.little(UInt32(self.riffSize))
    bytes += Array("WAVEfmt ".utf8) + Self.little(UInt32(description.count)) + description
    bytes += Array("fact".utf8) + Self.little(UInt32(4))
    bytes += Self.little(UInt32(self.sampleCount))
    bytes += Array("data".utf8) + Self.little(UInt32(self.dataSize))
    return bytes
  }

  private var frameSize: Int { self.channels * self.format.sampleSize }
  private var dataSize: Int { self.sampleCount * self.frameSize }

  /// Of all that follows the size itself.
  private var riffSize: Int { Self.size - 8 + self.dataSize + (self.isPadded ? 1 : 0) }

  /// What `fmt ` holds, 40 bytes: WAVE_FORMAT_EXTENSIBLE, which says what the channels are and is the
  /// right form for integers of more than 16 bits.
  private var description: [UInt8] {
    let bits = UInt16(8 * self.format.sampleSize)
    // The centre, or left and right.
    let speakers: UInt32 = self.channels == 1 ? 0x4 : 0x3
    var bytes = Self.little(0xFFFE as UInt16) + Self.little(UInt16(self.channels))
    bytes += Self.little(Self.sampleRate) + Self.little(Self.sampleRate * UInt32(self.frameSize))
    bytes += Self.little(UInt16(self.frameSize)) + Self.little(bits)
    bytes += Self.little(22 as UInt16) + Self.little(bits) + Self.little(speakers)
    return bytes + Self.little(self.format.code) + Self.subtype
  }

  /// What follows a format's code to make a GUID of it.
  private static let subtype: [UInt8] = [
    0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71,
  ]

  private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
