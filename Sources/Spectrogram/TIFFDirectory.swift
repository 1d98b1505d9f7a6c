/// The first image file directory of a TIFF structure, as an eXIf chunk holds it (TIFF 6.0,
/// section 2), with the tags that hold numbers.
///
/// Only the first directory is read: chains and sub-directories are never followed, so they cannot
/// loop. Every offset is checked against the bytes.
struct TIFFDirectory {
  /// A tag and where its values lie.
  private struct Entry {
    var type: UInt16
    var count: UInt32
    var place: Int
  }

  private let bytes: [UInt8]
  private let bigEndian: Bool
  private var entries: [UInt16: Entry] = [:]

  /// Throws `invalidEXIF` where the header or the directory runs past the bytes.
  init(_ bytes: [UInt8]) throws(SpectrogramError) {
    self.bytes = bytes
    guard bytes.count >= 8 else { throw Self.damaged("it is shorter than its header") }
    switch (bytes[0], bytes[1]) {
    case (0x4D, 0x4D): bigEndian = true
    case (0x49, 0x49): bigEndian = false
    default: throw Self.damaged("its byte order is neither II nor MM")
    }
    guard unsigned(at: 2, count: 2) == 42 else { throw Self.damaged("the number 42 is missing") }
    guard let start = unsigned(at: 4, count: 4), let count = unsigned(at: Int(start), count: 2)
    else { throw Self.damaged("its directory lies outside it") }
    for index in 0..<Int(count) {
      let place = Int(start) + 2 + 12 * index
      guard let tag = unsigned(at: place, count: 2), let type = unsigned(at: place + 2, count: 2),
        let count = unsigned(at: place + 4, count: 4), place + 12 <= bytes.count
      else { throw Self.damaged("its directory runs past its end") }
      entries[UInt16(tag)] = Entry(type: UInt16(type), count: UInt32(count), place: place + 8)
    }
  }

  var isEmpty: Bool { entries.isEmpty }

  func contains(_ tag: UInt16) -> Bool { entries[tag] != nil }

  /// The one number that `tag` holds, or nil where the directory has no such tag.
  ///
  /// Throws `invalidEXIF`, naming `field`, where the tag holds no finite number.
  func number(_ tag: UInt16, field: String) throws(SpectrogramError) -> Double? {
    guard let entry = entries[tag] else { return nil }
    func wrong(_ message: String) -> SpectrogramError {
      SpectrogramError(.invalidEXIF, field: field, "EXIF tag \(tag) (\(field)) \(message)")
    }
    guard let size = Self.size(of: entry.type) else {
      throw wrong("must be a number, not of type \(entry.type)")
    }
    guard entry.count == 1 else { throw wrong("must hold one value, not \(entry.count)") }
    var place = entry.place
    if size > 4 {
      guard let offset = unsigned(at: place, count: 4) else { throw wrong("has no offset") }
      place = Int(offset)
    }
    guard let value = value(at: place, type: entry.type) else {
      throw wrong("points outside the EXIF data")
    }
    guard value.isFinite else { throw wrong("must be a finite number, not \(value)") }
    return value
  }

  /// Bytes of one value of a numeric type; nil for text, undefined and unknown ones. The 8-byte
  /// integers are BigTIFF's.
  private static func size(of type: UInt16) -> Int? {
    switch type {
    case 1, 6: 1
    case 3, 8: 2
    case 4, 9, 11, 13: 4
    case 5, 10, 12, 16, 17: 8
    default: nil
    }
  }

  /// A quotient with a zero denominator comes out as infinity or NaN.
  private func value(at place: Int, type: UInt16) -> Double? {
    guard let size = Self.size(of: type), let raw = unsigned(at: place, count: size) else {
      return nil
    }
    switch type {
    case 6: return Double(Int8(truncatingIfNeeded: raw))
    case 8: return Double(Int16(truncatingIfNeeded: raw))
    case 9: return Double(Int32(truncatingIfNeeded: raw))
    case 17: return Double(Int64(truncatingIfNeeded: raw))
    case 11: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: raw)))
    case 12: return Double(bitPattern: raw)
    case 5, 10:
      // Read as one 8-byte number, the numerator is its first half in the file's order.
      let high = UInt32(truncatingIfNeeded: raw >> 32)
      let low = UInt32(truncatingIfNeeded: raw)
      let (upper, lower) = bigEndian ? (high, low) : (low, high)
      if type == 5 { return Double(upper) / Double(lower) }
      return Double(Int32(bitPattern: upper)) / Double(Int32(bitPattern: lower))
    default: return Double(raw)
    }
  }

  private func unsigned(at place: Int, count: Int) -> UInt64? {
    guard place >= 0, place <= bytes.count - count else { return nil }
    let part = bytes[place..<(place + count)]
    return bigEndian
      ? part.reduce(0) { $0 << 8 | UInt64($1) }
      : part.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func damaged(_ message: String) -> SpectrogramError {
    SpectrogramError(.invalidEXIF, field: "EXIF", "the EXIF data cannot be read: \(message)")
  }
}
