/// AIFF and AIFF-C files.
enum AIFFFile {
  /// - Throws: `damagedFile`, `inputFailed`.
  static func open(_ source: any ByteSource) throws(AudioIOError) -> any SoundDecoder {
    let chunks = try RIFFChunks(source, soundName: "SSND", isBigEndian: true)
    let file = try SoundFile(source)
    guard let common = chunks["COMM"], file.sampleRate > 0, let duration = file.duration else {
      return file
    }
    // Channels, two bytes, then sample frames, four.
    let frames = try source.bytes(common.range).dropFirst(2).prefix(4).reduce(0) {
      $0 << 8 | Int($1)
    }
    let expected = Double(frames) / Double(file.sampleRate)
    if expected > duration, frames < Int(Int32.max) { file.damage.missing = expected - duration }
    return file
  }
}
