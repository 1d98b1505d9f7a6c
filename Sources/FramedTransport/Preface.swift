internal import NIOCore

/// The eight bytes with which each side opens: "RIFD" and a version (framing.md, section 1).
package struct Preface: Hashable, Sendable {
  package static let magic: UInt32 = 0x5249_4644
  package static let length = 8

  package var major: UInt16
  package var minor: UInt16

  package init(major: UInt16, minor: UInt16) {
    self.major = major
    self.minor = minor
  }

  func write(to buffer: inout ByteBuffer) {
    buffer.writeMultipleIntegers(Self.magic, self.major, self.minor)
  }
}
