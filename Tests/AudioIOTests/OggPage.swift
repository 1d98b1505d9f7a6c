/// One page of an Ogg file, read by the tests from RFC 3533 alone.
struct OggPage {
  let flags: UInt8
  let granule: Int
  let serialNumber: UInt32
  let sequence: UInt32
  /// Sizes of the packets that end here.
  let packets: Int
  let body: [UInt8]

  var isFirst: Bool { flags & 2 != 0 }
  var isLast: Bool { flags & 4 != 0 }

  /// The pages of a file; nil unless it is made of whole pages only.
  static func pages(_ bytes: [UInt8]) -> [OggPage]? {
    var place = 0
    var pages: [OggPage] = []
    while place < bytes.count {
      guard place + 27 <= bytes.count, bytes[place..<(place + 4)].elementsEqual("OggS".utf8) else {
        return nil
      }
      func number(_ offset: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[place + offset + $1]) << (8 * UInt64($1)) }
      }
      let segments = Int(bytes[place + 26])
      guard place + 27 + segments <= bytes.count else { return nil }
      let lacing = bytes[(place + 27)..<(place + 27 + segments)]
      let start = place + 27 + segments
      let end = start + lacing.reduce(0) { $0 + Int($1) }
      guard end <= bytes.count else { return nil }
      pages.append(
        OggPage(
          flags: bytes[place + 5], granule: Int(Int64(bitPattern: number(6, 8))),
          serialNumber: UInt32(number(14, 4)), sequence: UInt32(number(18, 4)),
          packets: lacing.count { $0 < 255 }, body: Array(bytes[start..<end])))
      place = end
    }
    return pages
  }

  /// A page of one packet of fewer than 255 bytes.
  static func bytes(flags: UInt8, serialNumber: UInt32, packet: [UInt8]) -> [UInt8] {
    var page = Array("OggS".utf8) + [0, flags] + [UInt8](repeating: 0, count: 8)
    page += (0..<4).map { UInt8(truncatingIfNeeded: serialNumber >> (8 * $0)) }
    page += [UInt8](repeating: 0, count: 8) + [1, UInt8(packet.count)] + packet
    let checksum = OddFile.checksum(page)
    for index in 0..<4 { page[22 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * index)) }
    return page
  }
}
