/// Comments as an ID3v2.4 tag (id3.org, "ID3 tag version 2.4.0"), in UTF-8.
enum ID3Tag {
  /// Title and encoder in their own frames, others in TXXX with the key as description. Empty
  /// without comments. Throws `invalidParameter`.
  static func bytes(_ comments: [AudioComment]) throws(AudioIOError) -> [UInt8] {
    try comments.check()
    guard !comments.isEmpty else { return [] }
    var frames: [UInt8] = []
    for comment in comments {
      let value = Array(comment.value.utf8)
      switch comment.key {
      case "TITLE": frames += frame("TIT2", value)
      case "ENCODER": frames += frame("TSSE", value)
      default: frames += frame("TXXX", Array(comment.key.utf8) + [0] + value)
      }
    }
    return Array("ID3".utf8) + [4, 0, 0] + synchsafe(frames.count) + frames
  }

  /// A frame of text in UTF-8, which is encoding 3.
  private static func frame(_ name: String, _ text: [UInt8]) -> [UInt8] {
    Array(name.utf8) + synchsafe(text.count + 1) + [0, 0, 3] + text
  }

  /// 28 bits in four bytes of seven.
  private static func synchsafe(_ value: Int) -> [UInt8] {
    [21, 14, 7, 0].map { UInt8(value >> $0 & 0x7F) }
  }
}
