/// What the beginning of a sound or picture file says of itself.
public struct FileNotes: Sendable {
  /// Keys and values, in the file's order: Vorbis comments of Ogg and FLAC, texts of PNG, frames of
  /// ID3, and entries of a WAV file's INFO list by their usual names (title, comment, software).
  public internal(set) var tags: [(key: String, value: String)] = []
  /// A PNG file's eXIf payload: a TIFF structure.
  public internal(set) var exif: [UInt8]?

  /// Bytes of a file that are enough: what riffd writes stands before the sound or the pixels, and takes
  /// less than this.
  public static let length = 4 << 20
  static let mostTags = 4_096

  /// Reads as far as the bytes can be understood; nothing of them is trusted.
  ///
  /// - Parameter bytes: the first ``length`` bytes of a file, or all of it.
  /// - Returns: nil for a file that is none of PNG, Ogg Opus or Vorbis, FLAC, WAV, MP3.
  public init?(fileStart bytes: [UInt8]) {
    let bytes = bytes[...]
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      readPNG(bytes.dropFirst(8))
    } else if bytes.starts(with: "OggS".utf8) {
      readOgg(bytes)
    } else if bytes.starts(with: "fLaC".utf8) {
      readFLAC(bytes.dropFirst(4))
    } else if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WAVE".utf8) {
      readWAV(bytes.dropFirst(12))
    } else if bytes.starts(with: "ID3".utf8) {
      readID3(bytes)
    } else {
      return nil
    }
  }

  /// How it was made; nil where riffd did not make it.
  public var recipe: Recipe? {
    Recipe(tags: tags)
  }

  mutating func add(_ key: String, _ value: String) {
    if tags.count < Self.mostTags { tags.append((key, value)) }
  }
}
