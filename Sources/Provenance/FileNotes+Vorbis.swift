extension FileNotes {
  /// The second packet of an Ogg Opus or Ogg Vorbis stream (RFC 3533, section 6; RFC 7845, 5.2).
  mutating func readOgg(_ pages: ArraySlice<UInt8>) {
    var reader = Bytes(pages)
    var packets: [[UInt8]] = []
    var packet: [UInt8] = []
    while packets.count < 2, reader.skip("OggS"), reader.take(22) != nil,
      let count = reader.bigEndian(1), let lengths = reader.take(count)
    {
      for length in lengths {
        guard let segment = reader.take(Int(length)) else { return }
        packet += segment
        if length < 255 {
          packets.append(packet)
          packet = []
        }
      }
    }
    guard packets.count >= 2 else { return }
    var tags = Bytes(packets[1][...])
    if tags.skip("OpusTags") || tags.skip("\u{3}vorbis") { readComments(&tags) }
  }

  /// Metadata blocks of a FLAC file up to its comments (RFC 9639, section 8).
  mutating func readFLAC(_ blocks: ArraySlice<UInt8>) {
    var reader = Bytes(blocks)
    while let head = reader.bigEndian(1), let length = reader.bigEndian(3),
      let content = reader.take(length)
    {
      if head & 0x7F == 4 {
        var comments = Bytes(content)
        readComments(&comments)
      }
      if head & 0x80 != 0 { return }
    }
  }

  /// Vendor and comments, each with its length before it (Vorbis I, section 5.2.1).
  private mutating func readComments(_ reader: inout Bytes) {
    guard let vendor = reader.littleEndian(4), reader.take(vendor) != nil,
      let count = reader.littleEndian(4)
    else { return }
    for _ in 0..<min(count, Self.mostTags) {
      guard let length = reader.littleEndian(4), let bytes = reader.take(length) else { return }
      let text = String(decoding: bytes, as: UTF8.self)
      guard let equals = text.firstIndex(of: "=") else { continue }
      add(String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
  }
}
