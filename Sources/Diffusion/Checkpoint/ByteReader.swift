/// Reads bytes from front to back and never past their end: what is not there is nil.
struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  /// Bytes read so far.
  private(set) var position = 0

  init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  var remaining: Int { bytes.count - position }

  /// The next number, little-endian.
  mutating func integer<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    take(MemoryLayout<Number>.size).map { Number(littleEndianBytes: $0) }
  }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= remaining else { return nil }
    defer { position += count }
    return rest.prefix(count)
  }

  /// What comes before the next line feed, which is skipped; at most `limit` bytes.
  mutating func line(limit: Int) -> ArraySlice<UInt8>? {
    let line = rest.prefix(limit + 1)
    guard let feed = line.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    defer { position += feed - line.startIndex + 1 }
    return line[..<feed]
  }

  private var rest: ArraySlice<UInt8> { bytes.dropFirst(position) }
}

extension FixedWidthInteger {
  /// As many bytes as the number has, the lowest first.
  init(littleEndianBytes bytes: some BidirectionalCollection<UInt8>) {
    self = bytes.reversed().reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
  }
}
