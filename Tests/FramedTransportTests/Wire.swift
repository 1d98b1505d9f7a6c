import FramedTransport
import NIOCore

/// Builds frames and protobuf payloads by hand, by framing.md and not by the code under test.
enum Wire {
  static func varint(_ value: UInt64) -> [UInt8] {
    var (value, bytes) = (value, [UInt8]())
    while value > 127 {
      bytes.append(UInt8(value & 127) | 128)
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }

  static func field(_ number: UInt64, _ bytes: some Sequence<UInt8>) -> [UInt8] {
    let bytes = Array(bytes)
    return self.varint(number << 3 | 2) + self.varint(UInt64(bytes.count)) + bytes
  }

  static func field(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    self.varint(number << 3) + self.varint(value)
  }

  static func text(_ key: String, _ value: String) -> [UInt8] {
    self.field(1, key.utf8) + self.field(2, value.utf8)
  }

  static func binary(_ key: String, _ value: [UInt8]) -> [UInt8] {
    self.field(1, key.utf8) + self.field(3, value)
  }

  /// `Headers`: a method and encoded metadata.
  static func headers(_ method: String = "", _ metadata: [[UInt8]] = []) -> [UInt8] {
    (method.isEmpty ? [] : self.field(1, method.utf8)) + metadata.flatMap { self.field(2, $0) }
  }

  /// `Status`.
  static func status(
    _ code: UInt64, _ message: String = "", _ metadata: [[UInt8]] = []
  ) -> [UInt8] {
    (code == 0 ? [] : self.field(1, code)) + (message.isEmpty ? [] : self.field(2, message.utf8))
      + metadata.flatMap { self.field(3, $0) }
  }

  static func bigEndian<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  /// A whole frame, its length counted.
  static func frame(
    _ type: UInt8, _ flags: UInt8 = 0, stream: UInt32, zero: UInt16 = 0, _ payload: [UInt8] = []
  ) -> [UInt8] {
    self.bigEndian(UInt32(payload.count + 8)) + [type, flags] + self.bigEndian(zero)
      + self.bigEndian(stream) + payload
  }

  static let preface: [UInt8] = [0x52, 0x49, 0x46, 0x44, 0, 1, 0, 0]

  /// Bytes from a dump like that of framing.md, section 12.
  static func hex(_ dump: String) -> [UInt8] {
    dump.split(whereSeparator: \.isWhitespace).map { UInt8($0, radix: 16) ?? 0xee }
  }
}

extension Frame {
  init(_ kind: Kind, _ flags: Flags, _ stream: StreamID, _ payload: [UInt8] = []) {
    self.init(kind, flags: flags, stream: stream, payload: ByteBuffer(bytes: payload))
  }

  init(_ kind: Kind, _ stream: StreamID, _ payload: [UInt8] = []) {
    self.init(kind, [], stream, payload)
  }

  var bytes: [UInt8] { Array(self.payload.readableBytesView) }
}
