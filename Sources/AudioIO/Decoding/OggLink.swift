/// One of the logical streams, or of the groups of streams that play together, which an Ogg file has
/// one after the other (RFC 3533, section 4).
struct OggLink {
  /// Where its pages are.
  var range: Range<Int>
  /// What its streams hold.
  var codecs: [OggCodec]
  /// Whether its last page says that it is the last.
  var isComplete: Bool

  /// The stream that is played.
  var codec: OggCodec? { codecs.first { $0.isDecoded } }

  private static let pageHeader = 27
  /// Bytes of the longest page, header and lacing values included.
  private static let longestPage = 27 + 255 + 255 * 255
  /// Links that a file may have.
  private static let limit = 10_000

  /// The links of a file. Damage is skipped. Throws `damagedFile` where there are too many,
  /// `inputFailed`.
  static func all(in source: any ByteSource) throws(AudioIOError) -> [OggLink] {
    var links: [OggLink] = []
    var place = 0
    var isHead = false
    while let page = try page(in: source, at: place) {
      if page.begins {
        if !isHead {
          if !links.isEmpty {
            links[links.count - 1].range =
              links[links.count - 1].range.lowerBound..<page.range.lowerBound
          }
          links.append(
            OggLink(range: page.range.lowerBound..<source.count, codecs: [], isComplete: false))
        }
        links[links.count - 1].codecs.append(
          OggCodec(try source.bytes(page.body..<min(page.body + 16, page.range.upperBound))))
      }
      isHead = page.begins
      if !links.isEmpty {
        links[links.count - 1].isComplete =
          page.ends || links[links.count - 1].isComplete && !page.begins
      }
      place = page.range.upperBound
      // The libraries keep something of each.
      guard links.count <= limit else {
        throw AudioIOError(.damagedFile, field: "audio", "it has more than \(limit) links")
      }
    }
    return links
  }

  private struct Page {
    var range: Range<Int>
    var body: Int
    /// Whether it is the first, or the last, of its stream.
    var begins: Bool
    var ends: Bool
  }

  /// The next page that begins at `place` or after it.
  private static func page(
    in source: any ByteSource, at place: Int
  ) throws(AudioIOError) -> Page? {
    var place = place
    while place + pageHeader <= source.count {
      let head = try source.bytes(place..<place + pageHeader + 255)
      if head.starts(with: "OggS\0".utf8), head.count >= pageHeader {
        let segments = Int(head[26])
        guard head.count >= pageHeader + segments else { return nil }
        let body = head[pageHeader..<pageHeader + segments].reduce(0) { $0 + Int($1) }
        let start = place + pageHeader + segments
        guard start + body <= source.count else { return nil }
        return Page(
          range: place..<start + body, body: start, begins: head[5] & 2 != 0, ends: head[5] & 4 != 0
        )
      }
      guard let next = try search(in: source, from: place + 1) else { return nil }
      place = next
    }
    return nil
  }

  /// Where "OggS" is next.
  static func search(in source: any ByteSource, from start: Int) throws(AudioIOError) -> Int? {
    var place = start
    while place < source.count {
      let part = try source.bytes(place..<place + longestPage)
      let bytes = Array("OggS".utf8)
      if part.count >= 4 {
        for index in 0...(part.count - 4)
        where part[index] == bytes[0] && part[index + 1] == bytes[1]
          && part[index + 2] == bytes[2] && part[index + 3] == bytes[3]
        {
          return place + index
        }
      }
      guard part.count == longestPage else { return nil }
      place += longestPage - 3
    }
    return nil
  }
}
