package import NIOCore

/// The number of a stream: odd ones are calls, 0 is the connection itself.
package typealias StreamID = UInt32

/// One frame (framing.md, section 2).
package struct Frame: Hashable, Sendable {
  package enum Kind: UInt8, Sendable {
    case headers = 1
    case message = 2
    case halfClose = 3
    case status = 4
    case cancel = 5
    case ping = 6
    case goAway = 7
    case credit = 8
  }

  package struct Flags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    /// On MESSAGE: the message ends with this fragment.
    package static let last = Flags(rawValue: 1)
    /// On PING: an answer.
    package static let ack = Flags(rawValue: 1)
  }

  /// Bytes of the length field, which does not count itself.
  static let lengthFieldBytes = 4
  /// Bytes between the length field and the payload.
  static let headerBytes = 8
  /// The highest value of the length field.
  package static let maximumLength = 1_048_576

  package var kind: Kind
  package var flags: Flags
  package var stream: StreamID
  package var payload: ByteBuffer

  package init(_ kind: Kind, flags: Flags = [], stream: StreamID, payload: ByteBuffer = .init()) {
    self.kind = kind
    self.flags = flags
    self.stream = stream
    self.payload = payload
  }

  /// Appends the frame's bytes.
  ///
  /// Frames made by this package fit the limit: messages travel in fragments, and control payloads
  /// are checked where they are made.
  package func write(to buffer: inout ByteBuffer) {
    let following = Self.headerBytes + self.payload.readableBytes
    buffer.reserveCapacity(minimumWritableBytes: Self.lengthFieldBytes + following)
    buffer.writeMultipleIntegers(
      UInt32(clamping: following), self.kind.rawValue, self.flags.rawValue, UInt16(0), self.stream)
    buffer.writeImmutableBuffer(self.payload)
  }
}
