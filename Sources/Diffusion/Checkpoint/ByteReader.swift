/// Reads bytes from front to back and never past their end: what is not there is nil.
///
/// The bytes belong to a ``MappedFile`` that the owner of this value keeps.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var remaining: Int { bytes.count - position }

  /// The next number, little-endian.
  mutating func integer<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    guard let run = take(MemoryLayout<Number>.size) else { return nil }
    return Number(littleEndian: run.loadUnaligned(as: Number.self))
  }

  mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, count <= remaining else { return nil }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  /// What comes before the next line feed, which is passed over; at most `limit` bytes.
  mutating func line(limit: Int) -> UnsafeRawBufferPointer? {
    let end = min(bytes.count, position + min(limit, remaining) + 1)
    guard let feed = bytes[position..<end].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    defer { position = feed + 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<feed])
  }
}
