/// What the first bytes of a file say it is.
public enum PictureFormat: Equatable, Sendable {
  /// Read here, with its EXIF data.
  case png, jpeg
  /// Recognised, not read here: what it is.
  case unsupported(name: String)
  /// Not the beginning of any picture that is known here: perhaps a sound.
  case unknown

  /// 14 bytes are enough to tell.
  public init(detecting bytes: [UInt8]) {
    func has(_ text: String, at place: Int = 0) -> Bool {
      bytes.dropFirst(place).starts(with: text.utf8)
    }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
      self = .png
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if has("GIF8") {
      self = .unsupported(name: "a GIF picture")
    } else if has("RIFF"), has("WEBP", at: 8) {
      self = .unsupported(name: "a WebP picture")
    } else if has("BM"), bytes.count > 13, bytes[6..<10].allSatisfy({ $0 == 0 }) {
      self = .unsupported(name: "a BMP picture")
    } else if bytes.starts(with: [0x49, 0x49, 42, 0]) || bytes.starts(with: [0x4D, 0x4D, 0, 42]) {
      self = .unsupported(name: "a TIFF picture")
    } else if has("ftypavif", at: 4) || has("ftyphei", at: 4) {
      self = .unsupported(name: "an AVIF or HEIC picture")
    } else {
      self = .unknown
    }
  }

  /// Whether the file is a picture, readable or not, rather than sound or anything else.
  public var isPicture: Bool { self != .unknown }
}
