import FramedTransport
import GRPCCore
import Testing

/// A real server against clients that break the rules, and against framing.md's own examples.
@Suite(.timeLimit(.minutes(1))) struct HostilePeerTests {
  private static let echo: Handler = { request, _ in
    .messages { writer in
      for try await message in request.messages { try await writer.write(message) }
    }
  }

  /// Sends `bytes` after the preface; what the server answers before it closes. It still serves others.
  private func answer(_ bytes: [UInt8], preface: [UInt8] = Wire.preface) async throws -> [UInt8] {
    try await withPair(["Echo": Self.echo]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      try await peer.send(preface + bytes)
      let answer = try await peer.readAll()
      #expect(try await pair.unary("Echo", [4]) == [4])
      return answer
    }
  }

  /// The reason in a GO_AWAY that directly follows the preface.
  private func goAwayReason(_ answer: [UInt8]) -> UInt8? {
    guard answer.starts(with: Wire.preface), answer.count > 22, answer[12] == 7 else { return nil }
    return answer[20] == 0x10 ? answer[21] : answer[20] == 0x08 ? answer[23] : nil
  }

  @Test func anotherProtocol() async throws {
    let answer = try await self.answer([], preface: Array("GET / HTTP/1.1\r\n\r\n".utf8))
    #expect(self.goAwayReason(answer) == 2)
  }

  @Test func anotherVersion() async throws {
    let answer = try await self.answer([], preface: [0x52, 0x49, 0x46, 0x44, 0, 2, 0, 0])
    #expect(self.goAwayReason(answer) == 3)
  }

  @Test func aLengthOfTwoGibibytes() async throws {
    #expect(self.goAwayReason(try await self.answer([0x7f, 0xff, 0xff, 0xff])) == 4)
  }

  @Test func aLengthOfZero() async throws {
    #expect(self.goAwayReason(try await self.answer([0, 0, 0, 0])) == 2)
  }

  @Test func anEvenStream() async throws {
    let bytes = Wire.frame(1, stream: 2, Wire.headers("test.Service/Echo"))
    #expect(self.goAwayReason(try await self.answer(bytes)) == 2)
  }

  @Test func noise() async throws {
    var state: UInt64 = 88_172_645_463_325_252
    for _ in 0..<20 {
      let bytes = (0..<4096).map { _ -> UInt8 in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
      }
      let answer = try await self.answer([0, 0, UInt8.random(in: 0...3)] + bytes)
      #expect(answer.starts(with: Wire.preface))
    }
  }

  @Test func aSilentClient() async throws {
    try await withPair([:], server: { $0.handshakeTimeout = .milliseconds(100) }) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      #expect(try await peer.readAll() == Wire.preface)
    }
  }

  @Test func aClientThatNeverReadsItsAnswers() async throws {
    try await withPair(["Echo": Self.echo]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      try await peer.send(Wire.preface)
      let pings = (0..<1000).flatMap { _ in
        Wire.frame(6, stream: 0, [9, 1, 2, 3, 4, 5, 6, 7, 8])
      }
      await #expect(throws: Errno.self) {
        while true { try await peer.send(pings) }
      }
      #expect(try await pair.unary("Echo", [4]) == [4])
    }
  }

  @Test func aClientThatNeverReadsAResponse() async throws {
    let written = Box(0)
    let flood: Handler = { _, _ in
      .messages { writer in
        while true {
          try await writer.write([UInt8](repeating: 0, count: 65_536))
          written.update { $0 += 65_536 }
        }
      }
    }
    try await withPair(["Flood": flood, "Echo": Self.echo]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      try await peer.send(
        Wire.preface + Wire.frame(1, stream: 1, Wire.headers("test.Service/Flood"))
          + Wire.frame(2, 1, stream: 1) + Wire.frame(3, stream: 1)
          + Wire.frame(8, stream: 1, Wire.field(1, 1 << 30)))
      try await eventually { written.value > 0 }
      try await Task.sleep(for: .milliseconds(200))
      // A gibibyte of credit, but the socket takes little and no more is made ready for it.
      #expect(written.value < 4 << 20)
      #expect(try await pair.unary("Echo", [4]) == [4])
    }
  }

  @Test func theUnaryExampleOfTheSpecification() async throws {
    let handler: Handler = { request, _ in
      for try await message in request.messages { #expect(message == []) }
      return .messages { try await $0.write([0x0a, 0x05, 0x30, 0x2e, 0x31, 0x2e, 0x30]) }
    }
    let client = Wire.hex(
      """
      52 49 46 44 00 01 00 00
      00 00 00 32 01 00 00 00 00 00 00 01 0a 14 74 65 73 74 2e 53 65 72 76 69 63 65 2f 53 74 61
      74 75 73 31 12 12 0a 0c 67 72 70 63 2d 74 69 6d 65 6f 75 74 12 02 35 53
      00 00 00 08 02 01 00 00 00 00 00 01
      00 00 00 08 03 00 00 00 00 00 00 01
      """)
    let server = Wire.hex(
      """
      52 49 46 44 00 01 00 00
      00 00 00 08 01 00 00 00 00 00 00 01
      00 00 00 0f 02 01 00 00 00 00 00 01 0a 05 30 2e 31 2e 30
      00 00 00 08 04 00 00 00 00 00 00 01
      """)
    try await withPair(["Status1": handler]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      // Byte by byte: pieces of any size must do.
      for byte in client { try await peer.send([byte]) }
      #expect(try await peer.read(server.count) == server)
      try await peer.send(
        Wire.hex("00 00 00 11 06 00 00 00 00 00 00 00 09 08 07 06 05 04 03 02 01"))
      #expect(
        try await peer.read(21)
          == Wire.hex("00 00 00 11 06 01 00 00 00 00 00 00 09 08 07 06 05 04 03 02 01"))
    }
  }
}
