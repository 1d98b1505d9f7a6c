extension AudioFormat {
  /// Bytes of a file's beginning that tell what it is.
  package static let length = 64 << 10
  /// Bytes in which the first MP3 frame, or another format's mark, is looked for behind junk.
  private static let reach = 1 << 20

  /// Throws `unsupportedFormat` where the first bytes of a file, ``length`` of them, tell already that it
  /// cannot be decoded.
  package static func check(beginning bytes: [UInt8]) throws(AudioIOError) {
    if let refusal = AudioFormat(detecting: bytes).refusal { throw refusal }
  }

  /// Opens a sound file with the decoder that its first bytes ask for.
  ///
  /// - Parameter check: called several times a second of work; what it throws ends the opening.
  /// - Throws: `unsupportedFormat`, `damagedFile`, `codecFailed`, `inputFailed`.
  static func open(
    _ source: any ByteSource, check: () throws -> Void
  ) throws -> any SoundDecoder {
    let tag = try tagLength(source)
    if tag > 0 {
      // Some programs put an MP3's tag in front of anything; libFLAC knows it.
      let rest = ByteSlice(source, tag..<source.count)
      switch AudioFormat(detecting: try rest.prefix(length)) {
      case .wav, .aiff, .ogg: return try open(rest, check: check)
      default: break
      }
    }
    let format = AudioFormat(detecting: try source.prefix(length))
    if let refusal = format.refusal { throw refusal }
    switch format {
    case .wav: return try WAVFile.open(source, check: check)
    case .aiff: return try AIFFFile.open(source)
    case .flac: return try FLACFile(source)
    case .ogg: return try OggFile(source, check: check)
    case .mp3: return try MP3File(source, check: check)
    default: return try openBehindJunk(source, check: check)
    }
  }

  /// Why files of this kind are not decoded; nil where they are.
  private var refusal: AudioIOError? {
    switch self {
    case .unsupported(let name, let fileExtension):
      .unsupported(name, fileExtension: fileExtension)
    case .midi:
      AudioIOError(
        .unsupportedFormat, field: "audio",
        """
        this is a MIDI score, which holds no sound; play it into a file: \
        fluidsynth -F output.wav soundfont.sf2 input.mid
        """)
    case .picture:
      AudioIOError(
        .unsupportedFormat, field: "audio",
        "this is a picture, which holds no sound; if it is a spectrogram, render it")
    case .wav, .aiff, .flac, .ogg, .mp3, .unknown: nil
    }
  }

  /// Bytes of an ID3v2 tag in front; 0 where there is none.
  private static func tagLength(_ source: any ByteSource) throws(AudioIOError) -> Int {
    let head = try source.prefix(10)
    guard head.count == 10, head.starts(with: "ID3".utf8) else { return 0 }
    return min(10 + head[6...].reduce(0) { $0 << 7 | Int($1 & 0x7F) }, source.count)
  }

  /// Opens a file whose beginning is not its own: MP3 that was cut out of a stream, or any format behind
  /// bytes that some program put in front.
  private static func openBehindJunk(
    _ source: any ByteSource, check: () throws -> Void
  ) throws -> any SoundDecoder {
    if try MPEGFrames.find(in: source, limit: reach) != nil {
      return try MP3File(source, check: check)
    }
    for mark in ["OggS\0\u{2}", "fLaC\0\0\0\u{22}"] {
      guard let place = try find(Array(mark.utf8), in: source) else { continue }
      let rest = ByteSlice(source, place..<source.count)
      return mark.hasPrefix("O") ? try OggFile(rest, check: check) : try FLACFile(rest)
    }
    throw AudioIOError(
      .unsupportedFormat, field: "audio",
      """
      this is none of WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus, Ogg FLAC and AIFF; if it is sound, \
      convert it: ffmpeg -i input -vn output.flac
      """)
  }

  private static func find(
    _ mark: [UInt8], in source: any ByteSource
  ) throws(AudioIOError) -> Int? {
    let bytes = try source.prefix(reach)
    guard bytes.count >= mark.count else { return nil }
    return (0...bytes.count - mark.count).first {
      bytes[$0] == mark[0] && bytes[$0...].starts(with: mark)
    }
  }
}
