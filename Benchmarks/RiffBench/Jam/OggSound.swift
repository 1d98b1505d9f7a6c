import Foundation

/// How much sound the pages of an Ogg Opus stream hold, as they come in.
struct OggSound {
  /// Sample frames at 48 kHz that a decoder has made by the end of the last page.
  private(set) var samples: Int64 = 0
  /// Pages whose position lies before that of the page before.
  private(set) var backwards = 0
  private(set) var pages = 0
  private var buffer: [UInt8] = []
  private var position: Int64 = 0
  private var preSkip: Int64 = 0

  mutating func append(_ bytes: Data) {
    buffer += bytes
    var start = 0
    while let page = page(at: start) {
      pages += 1
      if page.position >= 0 {
        if page.position < position { backwards += 1 }
        position = page.position
        samples = max(0, position - preSkip)
      }
      start = page.end
    }
    buffer.removeFirst(start)
  }

  /// The page that begins there (RFC 3533, section 6), if all of it is there.
  private mutating func page(at start: Int) -> (position: Int64, end: Int)? {
    guard buffer.count >= start + 27 else { return nil }
    let segments = Int(buffer[start + 26])
    guard buffer.count >= start + 27 + segments else { return nil }
    let body = start + 27 + segments
    let end = body + buffer[start + 27..<body].reduce(0) { $0 + Int($1) }
    guard buffer.count >= end else { return nil }
    // OpusHead: what players drop of the first sound.
    if pages == 0, end >= body + 12 {
      preSkip = Int64(buffer[body + 10]) | Int64(buffer[body + 11]) << 8
    }
    let position = (0..<8).reduce(UInt64(0)) { $0 | UInt64(buffer[start + 6 + $1]) << (8 * $1) }
    return (Int64(bitPattern: position), end)
  }
}
