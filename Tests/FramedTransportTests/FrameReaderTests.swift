import FramedTransport
import NIOCore
import Testing

/// framing.md, sections 1 and 2: bytes to frames.
@Suite struct FrameReaderTests {
  private func units(_ bytes: [UInt8]) throws -> [FrameReader.Unit] {
    var reader = FrameReader()
    var buffer = ByteBuffer(bytes: bytes)
    var units: [FrameReader.Unit] = []
    while let unit = try reader.next(from: &buffer) { units.append(unit) }
    return units
  }

  private func reason(_ bytes: [UInt8]) -> ProtocolViolation.Reason? {
    do {
      _ = try self.units(bytes)
      return nil
    } catch {
      return (error as? ProtocolViolation)?.reason
    }
  }

  @Test func readsPrefaceAndFrames() throws {
    let bytes =
      Wire.preface + Wire.frame(2, 1, stream: 7, [1, 2, 3]) + Wire.frame(3, stream: 0x0102_0305)
    #expect(
      try self.units(bytes) == [
        .preface(Preface(major: 1, minor: 0)),
        .frame(Frame(.message, .last, 7, [1, 2, 3])),
        .frame(Frame(.halfClose, 0x0102_0305)),
      ])
  }

  @Test func readsOneByteAtATime() throws {
    let bytes = Wire.preface + Wire.frame(8, stream: 1, [8, 14]) + Wire.frame(1, stream: 3)
    var reader = FrameReader()
    var buffer = ByteBuffer()
    var units: [FrameReader.Unit] = []
    for byte in bytes {
      buffer.writeInteger(byte)
      while let unit = try reader.next(from: &buffer) { units.append(unit) }
    }
    let whole = try self.units(bytes)
    #expect(units == whole)
    #expect(units.count == 3)
  }

  @Test func everyCutWaitsForMore() throws {
    let bytes = Wire.preface + Wire.frame(2, 1, stream: 1, [9, 9])
    for count in 0..<bytes.count {
      let units = try self.units(Array(bytes.prefix(count)))
      #expect(units.count == (count < 8 ? 0 : 1), "\(count) bytes")
    }
  }

  @Test func refusesAnotherMagic() {
    #expect(self.reason(Array("GET / HTTP/1.1".utf8)) == .protocolError)
    #expect(self.reason([0x52, 0x49, 0x46]) == nil)
    #expect(self.reason([0x52, 0x49, 0x46, 0x45]) == .protocolError)
  }

  @Test func refusesLengthsFromTheirFourBytesAlone() {
    #expect(self.reason(Wire.preface + [0, 0x10, 0, 1]) == .frameTooLarge)
    #expect(self.reason(Wire.preface + [0xff, 0xff, 0xff, 0xff]) == .frameTooLarge)
    #expect(self.reason(Wire.preface + [0, 0, 0, 0]) == .protocolError)
    #expect(self.reason(Wire.preface + [0, 0, 0, 7]) == .protocolError)
    #expect(self.reason(Wire.preface + [0, 0x10, 0, 0]) == nil)
    #expect(self.reason(Wire.preface + [0, 0, 0]) == nil)
  }

  @Test func takesTheLargestFrame() throws {
    let payload = [UInt8](repeating: 5, count: 1_048_576 - 8)
    let units = try self.units(Wire.preface + Wire.frame(2, 1, stream: 1, payload))
    #expect(units.last == .frame(Frame(.message, .last, 1, payload)))
  }

  @Test func refusesWhatMustBeZero() {
    #expect(self.reason(Wire.preface + Wire.frame(2, stream: 1, zero: 1)) == .protocolError)
    #expect(self.reason(Wire.preface + Wire.frame(99, stream: 1, zero: 256)) == .protocolError)
  }

  @Test func skipsUnknownTypes() throws {
    let bytes =
      Wire.preface + Wire.frame(99, 0xff, stream: 4, [1, 2, 3]) + Wire.frame(0, stream: 0)
      + Wire.frame(6, stream: 0)
    #expect(try self.units(bytes).last == .frame(Frame(.ping, 0)))
    #expect(try self.units(bytes).count == 2)
  }

  @Test func writesWhatItReads() throws {
    let frame = Frame(.status, 9, [8, 1])
    var buffer = ByteBuffer()
    frame.write(to: &buffer)
    #expect(Array(buffer.readableBytesView) == Wire.frame(4, stream: 9, [8, 1]))
  }
}
