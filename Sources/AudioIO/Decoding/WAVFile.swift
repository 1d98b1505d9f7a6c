/// WAV files, also those that libsndfile does not read: of recorders that died, with several data
/// chunks, with MP3 inside.
enum WAVFile {
  /// Sizes from which a data chunk's length means "to the end", as programs write it that stream.
  private static let unknownLength = 0x7FFF_0000
  /// WAVE_FORMAT_MPEG and WAVE_FORMAT_MPEGLAYER3 of mmreg.h.
  private static let mpegCodes = [0x50, 0x55]

  /// - Throws: `damagedFile`, `unsupportedFormat` with the name of its codec, `inputFailed`.
  static func open(
    _ source: any ByteSource, check: () throws -> Void
  ) throws -> any SoundDecoder {
    let isBigEndian = try source.prefix(4) == Array("RIFX".utf8)
    let chunks = try RIFFChunks(source, soundName: "data", isBigEndian: isBigEndian)
    guard let header = chunks["fmt "] else {
      throw AudioIOError(
        .damagedFile, field: "audio",
        "it has no fmt chunk, which says how a WAV file's samples are stored")
    }
    let format = try WAVFormatChunk(source.bytes(header.range), isBigEndian: isBigEndian)
    guard format.sampleRate > 0 else {
      throw AudioIOError(
        .damagedFile, field: "audio", "its fmt chunk gives a sample rate of 0 Hz")
    }
    let sounds = chunks.chunks.filter { $0.name == "data" }
    guard sounds.contains(where: { !$0.range.isEmpty }) else {
      throw AudioIOError(.damagedFile, field: "audio", "the file is empty: it has no samples")
    }
    let damage = damage(chunks, sounds, format)
    let parts = sounds.map { ByteSlice.Piece.range($0.range) }
    if mpegCodes.contains(format.code) {
      return try MP3File(ByteSlice(source, parts), check: check)
    }
    do throws(AudioIOError) {
      guard needsRepair(sounds, header) else { return try SoundFile(source, damage: damage) }
      let head = try repairedHead(
        source.bytes(header.range), sounds.reduce(0) { $0 + $1.range.count }, isBigEndian)
      return try SoundFile(ByteSlice(source, [.bytes(head)] + parts), damage: damage)
    } catch {
      guard error.kind == .damagedFile, let name = format.codec else { throw error }
      throw AudioIOError.unsupported("a WAV file that holds \(name)", fileExtension: "wav")
    }
  }

  /// Whether libsndfile would not find all samples by itself.
  private static func needsRepair(
    _ sounds: [RIFFChunks.Chunk], _ header: RIFFChunks.Chunk
  ) -> Bool {
    sounds.count > 1 || sounds[0].claimed == 0 || sounds[0].range.lowerBound % 2 == 1
      || header.range.lowerBound > sounds[0].range.lowerBound
  }

  /// All before the samples, with true lengths.
  private static func repairedHead(_ format: [UInt8], _ size: Int, _ isBigEndian: Bool) -> [UInt8] {
    func number(_ value: Int) -> [UInt8] {
      let value = UInt32(clamping: value)
      return withUnsafeBytes(of: isBigEndian ? value.bigEndian : value.littleEndian) { Array($0) }
    }
    let padded = format + [UInt8](repeating: 0, count: format.count % 2)
    var bytes = Array((isBigEndian ? "RIFX" : "RIFF").utf8) + number(20 + padded.count + size)
    bytes += Array("WAVEfmt ".utf8) + number(format.count) + padded
    return bytes + Array("data".utf8) + number(size)
  }

  private static func damage(
    _ chunks: RIFFChunks, _ sounds: [RIFFChunks.Chunk], _ format: WAVFormatChunk
  ) -> SoundDamage {
    var damage = SoundDamage()
    func seconds(_ bytes: Int) -> Double { Double(bytes) / Double(max(format.bytesPerSecond, 1)) }
    if sounds.count > 1 {
      damage.notes.append(
        "the file has \(sounds.count) data chunks; they are played one after another")
    }
    for sound in sounds {
      if sound.claimed == 0, !sound.range.isEmpty {
        damage.notes.append(
          "the file's header gives its length as 0, as if its recording was interrupted; all "
            + "\(Seconds.text(seconds(sound.range.count))) s that follow are used")
      } else if sound.claimed < unknownLength {
        damage.missing += seconds(sound.claimed - sound.range.count)
      }
    }
    let rest = seconds(chunks.rest.count)
    if rest >= 0.01 {
      damage.notes.append(
        "\(chunks.rest.count) bytes after the sound, \(Seconds.text(rest)) s if they are samples, "
          + "are left out: the header does not count them in")
    }
    return damage
  }
}
