/// Walks over the frames of an MPEG audio file, past tags, and past damage to the next frame that
/// others follow.
struct MPEGFrames {
  /// What lies at a place.
  enum Item {
    /// A frame of sound.
    case frame(MPEGHeader, at: Int)
    /// The first frame of a stream, which holds no sound.
    case info(MPEGInfo, MPEGHeader, at: Int)
    /// Bytes that are neither frame nor tag, and about how many frames were in their place.
    case gap(bytes: Int, frames: Double)
    /// A frame that the file's end cuts off.
    case cut(MPEGHeader)
  }

  private let source: any ByteSource
  private var window: [UInt8] = []
  private var windowStart = 0
  /// Where the next item begins.
  private(set) var place: Int
  /// The stream's form, as its last frame has it.
  private var stream: MPEGHeader?
  /// Bytes of all frames so far, and their number.
  private var bytes = 0
  private var count = 0

  /// Frames that must follow on one that is searched for.
  private static let proof = 3

  init(_ source: any ByteSource, at place: Int = 0) {
    self.source = source
    self.place = place
  }

  /// Where the first frame is that at least three follow, or all there are up to the end, below `limit`.
  static func find(
    in source: any ByteSource, limit: Int
  ) throws(AudioIOError) -> Int? {
    var frames = MPEGFrames(source)
    return try frames.search(from: 0, to: min(limit, source.count), like: nil)
  }

  /// The next item; nil at the end. Throws `inputFailed`.
  mutating func next() throws(AudioIOError) -> Item? {
    while let length = try tagLength(at: place) { place += length }
    guard place < source.count else { return nil }
    let start = place
    if let header = try header(at: start), try isGood(header, at: start) {
      let end = start + header.size
      guard end <= source.count else {
        place = source.count
        return .cut(header)
      }
      stream = header
      place = end
      if let info = try info(header, at: start) { return .info(info, header, at: start) }
      bytes += header.size
      count += 1
      return .frame(header, at: start)
    }
    // Damage: on to the next of this stream, or of another that is well proven.
    guard let found = try search(from: start + 1, to: source.count, like: stream) else {
      place = source.count
      return try isSilent(start) ? nil : .gap(bytes: source.count - start, frames: frames(start))
    }
    place = found
    return .gap(bytes: found - start, frames: frames(start))
  }

  /// About how many frames lay between `start` and here.
  private func frames(_ start: Int) -> Double {
    guard count > 0, bytes > 0 else { return 0 }
    return (Double(place - start) * Double(count) / Double(bytes)).rounded()
  }

  /// Whether all that follows is zero bytes, as some programs fill their last block up.
  private mutating func isSilent(_ start: Int) throws(AudioIOError) -> Bool {
    var at = start
    while at < source.count {
      let part = try bytes(at: at, 4_096)
      if part.contains(where: { $0 != 0 }) { return false }
      at += part.count
    }
    return true
  }

  /// Whether the header at a place where one is due begins a frame: it is of this stream, or others of
  /// its kind follow.
  private mutating func isGood(_ header: MPEGHeader, at place: Int) throws(AudioIOError) -> Bool {
    if let stream, stream.isLike(header) { return true }
    return try isProven(header, at: place)
  }

  private mutating func isProven(_ header: MPEGHeader, at place: Int) throws(AudioIOError) -> Bool {
    var next = place
    var size = header.size
    for number in 0..<Self.proof {
      next += size
      if next >= source.count { return number > 0 || next == source.count }
      guard let following = try self.header(at: next) else { return try tagLength(at: next) != nil }
      guard following.isLike(header) else { return false }
      size = following.size
    }
    return true
  }

  /// The next place at which a frame is proven.
  private mutating func search(
    from start: Int, to end: Int, like stream: MPEGHeader?
  ) throws(AudioIOError) -> Int? {
    var at = start
    while at < end {
      let part = try bytes(at: at, 4_096)
      guard part.count >= MPEGHeader.length else { return nil }
      let last = part.count - MPEGHeader.length
      var index = 0
      while index <= last, at + index < end {
        if part[part.startIndex + index] == 0xFF,
          let header = MPEGHeader(part[(part.startIndex + index)...].prefix(4)),
          try isProven(header, at: at + index)
        {
          return at + index
        }
        index += 1
      }
      at += last + 1
    }
    return nil
  }

  private mutating func header(at place: Int) throws(AudioIOError) -> MPEGHeader? {
    MPEGHeader(try bytes(at: place, MPEGHeader.length))
  }

  private mutating func info(
    _ header: MPEGHeader, at place: Int
  ) throws(AudioIOError) -> MPEGInfo? {
    MPEGInfo(Array(try bytes(at: place, min(header.size, 256))), header)
  }

  /// Bytes of the tag that begins at a place: ID3v2, ID3v1, APE; nil where there is none.
  private mutating func tagLength(at place: Int) throws(AudioIOError) -> Int? {
    let start = Array(try bytes(at: place, 32))
    if start.starts(with: "ID3".utf8), start.count >= 10, start[6..<10].allSatisfy({ $0 < 128 }) {
      let size = start[6..<10].reduce(0) { $0 << 7 | Int($1) }
      return 10 + size + (start[5] & 0x10 != 0 ? 10 : 0)
    }
    if start.starts(with: "TAG".utf8), source.count - place == 128 { return 128 }
    if start.starts(with: "APETAGEX".utf8), start.count == 32 {
      let size = start[12..<16].reversed().reduce(0) { $0 << 8 | Int($1) }
      return 32 + (start[23] & 0x20 != 0 ? size : 0)
    }
    return nil
  }

  /// Bytes at a place, fewer at the end.
  private mutating func bytes(at place: Int, _ count: Int) throws(AudioIOError) -> ArraySlice<UInt8>
  {
    let end = min(place + count, source.count)
    guard place < end else { return [] }
    if place < windowStart || end > windowStart + window.count {
      window = try source.bytes(place..<place + (64 << 10))
      windowStart = place
    }
    let from = place - windowStart
    return window[min(from, window.count)..<min(end - windowStart, window.count)]
  }
}
