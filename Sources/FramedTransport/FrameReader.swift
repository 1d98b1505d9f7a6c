package import NIOCore

/// Takes the preface and then frames from the bytes of a connection, in pieces of any size.
///
/// A frame over the limit is refused as soon as its length field is there, before anything is
/// reserved for the rest.
package struct FrameReader: Sendable {
  /// What one step of reading yields.
  package enum Unit: Hashable, Sendable {
    case preface(Preface)
    case frame(Frame)
  }

  private var hasPreface = false

  package init() {}

  /// Takes the next unit from the front of `buffer`, or nothing if it is incomplete.
  ///
  /// Frames of unknown types are taken and skipped.
  package mutating func next(
    from buffer: inout ByteBuffer
  ) throws(ProtocolViolation) -> Unit? {
    guard self.hasPreface else {
      guard let preface = try Self.preface(from: &buffer) else { return nil }
      self.hasPreface = true
      return .preface(preface)
    }
    while true {
      switch try Self.frame(from: &buffer) {
      case .frame(let frame): return .frame(frame)
      case .skipped: continue
      case .incomplete: return nil
      }
    }
  }

  private static func preface(
    from buffer: inout ByteBuffer
  ) throws(ProtocolViolation) -> Preface? {
    let start = buffer.readerIndex
    guard let magic = buffer.getInteger(at: start, as: UInt32.self) else { return nil }
    guard magic == Preface.magic else {
      throw ProtocolViolation(
        .protocolError, "a connection begins with the bytes 52 49 46 44 (\"RIFD\")")
    }
    guard buffer.readableBytes >= Preface.length,
      let (_, major, minor) = buffer.readMultipleIntegers(as: (UInt32, UInt16, UInt16).self)
    else { return nil }
    return Preface(major: major, minor: minor)
  }

  private enum Step {
    case frame(Frame)
    case skipped
    case incomplete
  }

  private static func frame(from buffer: inout ByteBuffer) throws(ProtocolViolation) -> Step {
    guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
      return .incomplete
    }
    guard length <= Frame.maximumLength else {
      throw ProtocolViolation(
        .frameTooLarge,
        "a frame's length is \(length); it must be at most \(Frame.maximumLength)")
    }
    guard length >= Frame.headerBytes else {
      throw ProtocolViolation(
        .protocolError, "a frame's length is \(length); it must be at least \(Frame.headerBytes)")
    }
    guard buffer.readableBytes >= Frame.lengthFieldBytes + Int(length),
      let (_, type, flags, zero, stream) = buffer.readMultipleIntegers(
        as: (UInt32, UInt8, UInt8, UInt16, UInt32).self),
      let payload = buffer.readSlice(length: Int(length) - Frame.headerBytes)
    else { return .incomplete }
    guard zero == 0 else {
      throw ProtocolViolation(.protocolError, "bytes 6 and 7 of a frame must be zero")
    }
    guard let kind = Frame.Kind(rawValue: type) else { return .skipped }
    return .frame(
      Frame(kind, flags: Frame.Flags(rawValue: flags), stream: stream, payload: payload))
  }
}
