#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Sound as 16-bit mono WAV files.
enum WAVFile {
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
