import AudioIO

/// Files in memory, decoded.
enum Clip {
  static func decode(
    _ bytes: [UInt8], limits: AudioReader.Limits = AudioReader.Limits()
  ) throws -> AudioClip {
    try AudioReader(MemoryBytes(bytes)).read(limits: limits)
  }
}
