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

  /// The links of a file. Damage is skipped.
  ///
  /// - Parameter check: called several times a second of work; what it throws ends the search.
  /// - Throws: `damagedFile` where there are too many, `outOfMemory`, `inputFailed`.
  static func all(in source: any ByteSource, check: () throws -> Void) throws -> [OggLink] {
    var links: [OggLink] = []
    var isHead = false
    let pages = OggPages(source)
    while let page = try pages.next(check: check) {
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
    }
    return links
  }
}
