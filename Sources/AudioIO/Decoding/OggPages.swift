internal import COgg

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The pages of an Ogg file one after the other, as libogg finds them, and with it the libraries that decode
/// them: what has no right checksum is no page (RFC 3533, section 6), but may hold some.
final class OggPages {
  struct Page {
    var range: Range<Int>
    /// Where its body begins.
    var body: Int
    /// Whether it is the first, or the last, of its stream.
    var begins: Bool
    var ends: Bool
  }

  /// First pages, of streams side by side and one after the other, that a file may have: the libraries keep
  /// something of each, and look through what they have at each.
  private static let limit = 10_000
  /// What a first page begins with: mark, version, and a flag in the byte after them.
  private static let mark = Array("OggS\0".utf8)
  private static let chunk = 256 << 10

  private let source: any ByteSource
  private let state: UnsafeMutablePointer<ogg_sync_state>
  /// Bytes that libogg has been given, and where it looks for the next page.
  private var given = 0
  private var place = 0
  /// First pages so far, also those in what is no page, or part of one: decoders may come to look there.
  private var firsts = 0
  /// The last bytes that were given: a page may begin among them.
  private var last: [UInt8] = []

  init(_ source: any ByteSource) {
    self.source = source
    state = .allocate(capacity: 1)
    state.initialize(to: ogg_sync_state())
    ogg_sync_init(state)
  }

  deinit {
    ogg_sync_clear(state)
    state.deallocate()
  }

  /// The next page that is whole; nil at the end of the file.
  ///
  /// - Parameter check: called several times a second of work; what it throws ends the reading.
  /// - Throws: `damagedFile` where there are too many streams, `outOfMemory`, `inputFailed`.
  func next(check: () throws -> Void) throws -> Page? {
    while true {
      var page = ogg_page()
      let length = ogg_sync_pageseek(state, &page)
      if length > 0 {
        let start = place
        place += length
        return Page(
          range: start..<place, body: start + page.header_len, begins: ogg_page_bos(&page) != 0,
          ends: ogg_page_eos(&page) != 0)
      }
      place -= length
      guard length == 0 else { continue }
      try check()
      guard try read() else { return nil }
    }
  }

  /// Gives libogg more of the file; false at its end.
  private func read() throws(AudioIOError) -> Bool {
    guard let buffer = ogg_sync_buffer(state, Self.chunk) else {
      throw MemoryWatch.failure("Ogg reader")
    }
    let target = UnsafeMutableRawBufferPointer(start: buffer, count: Self.chunk)
    let count = try source.read(at: given, into: target)
    try countFirsts(UnsafeRawBufferPointer(rebasing: target[..<count]))
    given += count
    ogg_sync_wrote(state, count)
    return count > 0
  }

  /// Counts the first pages that begin in the next bytes of the file.
  private func countFirsts(_ bytes: UnsafeRawBufferPointer) throws(AudioIOError) {
    let header = Self.mark.count + 1
    // Those across the border, then those behind it.
    firsts += (last + bytes.prefix(header - 1)).withUnsafeBytes(Self.firsts)
    firsts += Self.firsts(bytes)
    last = Array((last + bytes.suffix(header - 1)).suffix(header - 1))
    guard firsts <= Self.limit else {
      throw AudioIOError(
        .damagedFile, field: "audio", "it has more than \(Self.limit) streams")
    }
  }

  private static func firsts(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let start = bytes.baseAddress else { return 0 }
    var count = 0
    var place = 0
    // A mark and the flags behind it fit from `place` on.
    while place + mark.count < bytes.count,
      let found = memchr(start + place, Int32(mark[0]), bytes.count - mark.count - place)
    {
      let index = found - UnsafeMutableRawPointer(mutating: start)
      if bytes[index..<index + mark.count].elementsEqual(mark), bytes[index + mark.count] & 2 != 0 {
        count += 1
      }
      place = index + 1
    }
    return count
  }
}
