import FramedTransport
import GRPCCore
import Testing

/// Sockets that close, or half of which does, at any moment.
@Suite(.timeLimit(.minutes(1))) struct LostConnectionTests {
  /// Counts the bytes of an upload and answers with as many.
  private static let counting: Handler = { request, _ in
    .messages { writer in
      var count = 0
      for try await message in request.messages { count += message.count }
      try await writer.write([UInt8](repeating: 1, count: count))
    }
  }

  private static let echo: Handler = { request, _ in
    .messages { writer in
      for try await message in request.messages { try await writer.write(message) }
    }
  }

  private static let waiting: Handler = { _, context in
    .messages { _ in try? await context.cancellation.cancelled }
  }

  /// The server's CREDIT for the last messages meets a socket that has closed.
  @Test func everyHandlerHearsThatItsClientIsGone() async throws {
    try await withPair(["Count": Self.counting]) { pair in
      let part = Wire.frame(2, 1, stream: 1, [UInt8](repeating: 0, count: 65_536))
      for round in 0..<200 {
        let peer = try RawPeer(pair.path)
        try await peer.send(
          Wire.preface + Wire.frame(1, stream: 1, Wire.headers("test.Service/Count"))
            + (0..<(1 + round % 4)).flatMap { _ in part })
        peer.close()
      }
      try await eventually { pair.transport.activity.connections <= 1 }
      try await eventually { pair.transport.activity.calls == 0 }
    }
  }

  @Test func aHalfClosedClientGetsItsAnswer() async throws {
    try await withPair(["Echo": Self.echo]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      // The answer is larger than the credit, and no CREDIT can come.
      let parts = (0..<16).map { [UInt8](repeating: $0, count: 60_000) }
      let upload = Wire.frame(1, stream: 1, Wire.headers("test.Service/Echo"))
      try await peer.send(
        Wire.preface + upload + parts.prefix(4).flatMap { Wire.frame(2, 1, stream: 1, $0) }
          + Wire.frame(3, stream: 1))
      let other = Wire.frame(1, stream: 3, Wire.headers("test.Service/Echo"))
      try await peer.send(
        other + parts.prefix(4).flatMap { Wire.frame(2, 1, stream: 3, $0) }
          + Wire.frame(3, stream: 3))
      peer.endOutput()
      #expect(try await peer.read(8) == Wire.preface)
      var received = 0
      var statuses: [[UInt8]] = []
      while let frame = try await peer.frame() {
        if frame.type == 2 { received += frame.payload.count }
        if frame.type == 4 { statuses.append(frame.payload) }
      }
      #expect(received == 8 * 60_000)
      #expect(statuses == [[], []])
    }
  }

  @Test func anAnswerBeyondTheCreditReachesAHalfClosedClient() async throws {
    let flood: Handler = { request, _ in
      for try await _ in request.messages {}
      return .messages { writer in
        for _ in 0..<40 { try await writer.write([UInt8](repeating: 5, count: 50_000)) }
      }
    }
    try await withPair(["F": flood]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      try await peer.send(
        Wire.preface + Wire.frame(1, stream: 1, Wire.headers("test.Service/F"))
          + Wire.frame(2, 1, stream: 1) + Wire.frame(3, stream: 1))
      peer.endOutput()
      #expect(try await peer.read(8) == Wire.preface)
      var received = 0
      while let frame = try await peer.frame() {
        if frame.type == 2 { received += frame.payload.count }
      }
      #expect(received == 40 * 50_000)
    }
  }

  @Test func anUploadWithoutHalfCloseIsNotWhole() async throws {
    try await withPair(["Count": Self.counting]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      try await peer.send(
        Wire.preface + Wire.frame(1, stream: 1, Wire.headers("test.Service/Count"))
          + Wire.frame(2, 1, stream: 1, [1, 2, 3]))
      peer.endOutput()
      #expect(try await peer.read(8) == Wire.preface)
      var last: (type: UInt8, payload: [UInt8]) = (0, [])
      while let frame = try await peer.frame() { last = (frame.type, frame.payload) }
      #expect(last.type == 4 && last.payload.prefix(2) == [0x08, 1])
      try await eventually {
        pair.transport.activity.connections <= 1 && pair.transport.activity.calls == 0
      }
    }
  }

  @Test func closingAHalfClosedSocketCancels() async throws {
    try await withPair(["W": Self.waiting]) { pair in
      let peer = try RawPeer(pair.path)
      try await peer.send(
        Wire.preface + Wire.frame(1, stream: 1, Wire.headers("test.Service/W"))
          + Wire.frame(2, 1, stream: 1) + Wire.frame(3, stream: 1))
      peer.endOutput()
      try await eventually { pair.transport.activity.calls == 1 }
      // It goes on for as long as the client listens.
      try await Task.sleep(for: .milliseconds(300))
      #expect(pair.transport.activity.calls == 1)
      peer.close()
      try await eventually {
        pair.transport.activity.connections <= 1 && pair.transport.activity.calls == 0
      }
    }
  }
}
