/// One `KEY=value` that a sound file says of itself.
public struct AudioComment: Sendable, Equatable {
  /// Printable ASCII without `=`, as Vorbis comments want it. `TITLE` and `ENCODER` become the
  /// format's own fields for them.
  public var key: String
  /// UTF-8 of any length; all comments of a file together take at most 1 MiB.
  public var value: String

  /// Checks nothing: encoders throw `invalidParameter` for a key that cannot be written.
  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }

  /// The most that all comments of a file may take, in bytes.
  static let maximumBytes = 1 << 20
}

extension [AudioComment] {
  /// Checks the keys and that everything together fits into a file's head. Throws
  /// `invalidParameter`.
  func check() throws(AudioIOError) {
    var size = 0
    for comment in self {
      guard !comment.key.isEmpty,
        comment.key.utf8.allSatisfy({ (0x20...0x7D).contains($0) && $0 != 0x3D })
      else {
        throw AudioIOError(
          .invalidParameter, field: "comment",
          "the key \"\(comment.key)\" must be printable ASCII without =")
      }
      size += comment.key.utf8.count + comment.value.utf8.count
      guard size <= AudioComment.maximumBytes else {
        throw AudioIOError(
          .invalidParameter, field: "comment",
          "the comments must not take more than \(AudioComment.maximumBytes) bytes together")
      }
    }
  }

  /// Vorbis comments, which Opus and FLAC have in common (RFC 7845, section 5.2; RFC 9639, section
  /// 8.6): vendor, count, and each `KEY=value` after its length. Throws `invalidParameter`.
  func vorbisComments(vendor: [UInt8]) throws(AudioIOError) -> [UInt8] {
    try self.check()
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(UInt32(clamping: vendor.count))
    bytes += vendor
    bytes.appendLittleEndian(UInt32(clamping: self.count))
    for comment in self {
      let text = [UInt8]("\(comment.key)=\(comment.value)".utf8)
      bytes.appendLittleEndian(UInt32(clamping: text.count))
      bytes += text
    }
    return bytes
  }
}

extension [UInt8] {
  mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
