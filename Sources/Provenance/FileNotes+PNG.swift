extension FileNotes {
  /// Chunks of a PNG file: tEXt, iTXt that is not compressed, eXIf (PNG specification, 5.3 and 11.3).
  mutating func readPNG(_ chunks: ArraySlice<UInt8>) {
    var reader = Bytes(chunks)
    while let length = reader.bigEndian(4), let kind = reader.code(4),
      let content = reader.take(length), reader.take(4) != nil, kind != "IEND"
    {
      var part = Bytes(content)
      switch kind {
      case "tEXt":
        guard let key = part.string() else { continue }
        add(String(latin1: key), String(latin1: part.takeUpTo(part.count)))
      case "iTXt":
        guard let key = part.string(), part.bigEndian(2) == 0, part.string() != nil,
          part.string() != nil
        else { continue }
        add(String(latin1: key), String(decoding: part.takeUpTo(part.count), as: UTF8.self))
      case "eXIf": exif = Array(content)
      default: break
      }
    }
  }
}
