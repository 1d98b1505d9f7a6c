#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Sound as WAV files.
enum WAVFile {
  /// 32-bit floats of shape (channel, sample), full scale ±1.
  static func floats(_ sound: [[Float]], sampleRate: Int) -> [UInt8] {
    func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    let (channels, size) = (sound.count, 4 * sound.count * sound[0].count)
    let header: [[UInt8]] = [
      Array("RIFF".utf8), bytes(UInt32(36 + size)), Array("WAVEfmt ".utf8), bytes(UInt32(16)),
      bytes(UInt16(3)), bytes(UInt16(channels)), bytes(UInt32(sampleRate)),
      bytes(UInt32(4 * channels * sampleRate)), bytes(UInt16(4 * channels)), bytes(UInt16(32)),
      Array("data".utf8), bytes(UInt32(size)),
    ]
    return header.flatMap { $0 }
      + sound[0].indices.flatMap { index in sound.flatMap { bytes($0[index].bitPattern) } }
  }

  /// A tone, 16-bit and mono.
  static func tone(hertz: Double, seconds: Double, sampleRate: Int) -> [UInt8] {
    let count = Int(seconds * Double(sampleRate))
    let samples = (0..<count).map { index in
      Int16(16_000 * sin(2 * .pi * hertz * Double(index) / Double(sampleRate)))
    }
    func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    let header: [[UInt8]] = [
      Array("RIFF".utf8), bytes(UInt32(36 + 2 * count)), Array("WAVEfmt ".utf8),
      bytes(UInt32(16)), bytes(UInt16(1)), bytes(UInt16(1)), bytes(UInt32(sampleRate)),
      bytes(UInt32(2 * sampleRate)), bytes(UInt16(2)), bytes(UInt16(16)), Array("data".utf8),
      bytes(UInt32(2 * count)),
    ]
    return header.flatMap { $0 } + samples.flatMap { bytes($0) }
  }
}
