extension FileNotes {
  /// Text frames, TXXX and comments of an ID3v2.3 or 2.4 tag (id3.org). Tags that are unsynchronised
  /// or have extended headers, which riffd does not write, are skipped.
  mutating func readID3(_ bytes: ArraySlice<UInt8>) {
    var reader = Bytes(bytes)
    guard reader.skip("ID3"), let version = reader.bigEndian(2), let flags = reader.bigEndian(1),
      version >> 8 == 3 || version >> 8 == 4, flags & 0xC0 == 0, let size = Self.synchsafe(&reader)
    else { return }
    var frames = Bytes(reader.takeUpTo(size))
    while let id = frames.code(4), id != "\0\0\0\0",
      let length = version >> 8 == 4 ? Self.synchsafe(&frames) : frames.bigEndian(4),
      frames.take(2) != nil, let content = frames.take(length)
    {
      var frame = Bytes(content)
      guard let encoding = frame.bigEndian(1) else { continue }
      if id == "COMM" { _ = frame.take(3) }
      let texts = Self.texts(frame.takeUpTo(frame.count), encoding: encoding)
      switch id {
      case "TXXX" where texts.count >= 2: add(texts[0], texts[1])
      case "COMM" where texts.count >= 2: add("comment", texts[1])
      case "TIT2" where !texts.isEmpty: add("title", texts[0])
      case "TSSE" where !texts.isEmpty: add("software", texts[0])
      default: break
      }
    }
  }

  private static func synchsafe(_ reader: inout Bytes) -> Int? {
    guard let bytes = reader.take(4), bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
    return bytes.reduce(0) { $0 << 7 | Int($1) }
  }

  /// The texts of a frame, which zeros divide.
  private static func texts(_ bytes: ArraySlice<UInt8>, encoding: Int) -> [String] {
    switch encoding {
    case 0: bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(latin1: $0) }
    case 3:
      bytes.split(separator: 0, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    case 1, 2: wideTexts(Array(bytes), bigEndian: encoding == 2)
    default: []
    }
  }

  private static func wideTexts(_ bytes: [UInt8], bigEndian: Bool) -> [String] {
    var bigEndian = bigEndian
    var units: [UInt16] = []
    for place in stride(from: 0, to: bytes.count - 1, by: 2) {
      let (first, second) = (UInt16(bytes[place]), UInt16(bytes[place + 1]))
      // A byte order mark stands before each text.
      if first == 0xFE, second == 0xFF { bigEndian = true; continue }
      if first == 0xFF, second == 0xFE { bigEndian = false; continue }
      units.append(bigEndian ? first << 8 | second : second << 8 | first)
    }
    return units.split(separator: 0, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF16.self) }
  }
}
