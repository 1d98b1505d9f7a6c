import FramedTransport
import GRPCCore
import Testing

/// What connections share: their number, and the memory for what they send. And that each is told why it
/// has to go.
@Suite(.timeLimit(.minutes(1))) struct ManyConnectionsTests {
  private static let echo: Handler = { request, _ in
    .messages { writer in
      for try await message in request.messages { try await writer.write(message) }
    }
  }

  /// Waits until it is cancelled.
  private static let waiting: Handler = { _, context in
    .messages { _ in try? await context.cancellation.cancelled }
  }

  private static func call(_ method: String, stream: UInt32 = 1) -> [UInt8] {
    Wire.frame(1, stream: stream, Wire.headers("test.Service/" + method))
  }

  /// The reason and the message of the first GO_AWAY.
  private func goAway(_ peer: RawPeer) async throws -> (reason: UInt8, message: String)? {
    while let frame = try await peer.frame() {
      guard frame.type == 7 else { continue }
      var payload = frame.payload[...]
      if payload.first == 0x08 { payload = payload.dropFirst(2) }
      guard payload.first == 0x10 else { return nil }
      return (payload.dropFirst().first ?? 0, String(decoding: payload.dropFirst(4), as: UTF8.self))
    }
    return nil
  }

  @Test func theLongestIdleOneMakesRoom() async throws {
    try await withPair(
      ["Echo": Self.echo, "W": Self.waiting], server: { $0.maximumConnections = 3 }
    ) { pair in
      #expect(try await pair.unary("Echo", [1]) == [1])
      try await eventually { pair.transport.activity.connections == 1 }
      // One that is busy, one that never even says what it is.
      let busy = try RawPeer(pair.path)
      defer { busy.close() }
      try await busy.send(Wire.preface + Self.call("W"))
      #expect(try await busy.read(8) == Wire.preface)
      try await eventually { pair.transport.activity.calls == 1 }
      let silent = try RawPeer(pair.path)
      defer { silent.close() }
      #expect(try await silent.read(8) == Wire.preface)
      // The client's connection is idle now, and its call was before the silent one came.
      let third = try RawPeer(pair.path)
      defer { third.close() }
      try await third.send(Wire.preface + Self.call("W"))
      #expect(try await third.read(8) == Wire.preface)
      try await eventually { pair.transport.activity.calls == 2 }
      // Its next call makes a new connection, for which the silent one has to go.
      #expect(try await pair.unary("Echo", [2]) == [2])
      let farewell = try #require(try await self.goAway(silent))
      #expect(farewell.reason == 1)
      #expect(farewell.message.contains("longest without a call"))
      #expect(try await silent.readAll() == [])
      #expect(pair.transport.activity.connections == 3)
      #expect(pair.transport.activity.calls == 2)
    }
  }

  @Test func aHundredWritingClientsBeyondTheLimitReadWhy() async throws {
    try await withPair(
      ["W": Self.waiting, "Echo": Self.echo], server: { $0.maximumConnections = 2 }
    ) { pair in
      // The client's own connection comes first, and so is the one that makes room.
      #expect(try await pair.unary("Echo", [1]) == [1])
      let busy = try (0..<2).map { _ in try RawPeer(pair.path) }
      defer { for peer in busy { peer.close() } }
      for (index, peer) in busy.enumerated() {
        try await peer.send(Wire.preface + Self.call("W"))
        try await eventually { pair.transport.activity.calls == index + 1 }
      }

      // More than a socket holds: whoever writes it is writing still when the server has refused it.
      let bytes =
        Wire.preface + Self.call("W")
        + (0..<32).flatMap { _ in Wire.frame(2, stream: 1, [UInt8](repeating: 1, count: 65_536)) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<100 {
          group.addTask {
            let peer = try RawPeer(pair.path)
            defer { peer.close() }
            try await peer.send(bytes)
            #expect(try await peer.read(8) == Wire.preface)
            let farewell = try await self.goAway(peer)
            #expect(farewell?.reason == 6)
            #expect(farewell?.message.contains("2 connections with calls are open") == true)
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test func aViolationIsReadByAClientThatWrites() async throws {
    try await withPair(["W": Self.waiting]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      // A length of 2 GiB, and bytes without end after it.
      try await peer.send(
        Wire.preface + [0x7f, 0xff, 0xff, 0xff] + [UInt8](repeating: 0, count: 4 << 20))
      #expect(try await peer.read(8) == Wire.preface)
      #expect(try await self.goAway(peer)?.reason == 4)
      #expect(try await peer.readAll() == [])
    }
  }

  @Test func aClientThatNeverClosesIsLeftAfterAWhile() async throws {
    try await withPair(["W": Self.waiting]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      try await peer.send(Wire.preface + [0, 0, 0, 0])
      await #expect(throws: Errno.self) {
        while true {
          try await peer.send([UInt8](repeating: 0, count: 1_000))
          try await Task.sleep(for: .milliseconds(20))
        }
      }
      try await eventually { pair.transport.activity.connections <= 1 }
    }
  }

  /// Messages without a byte fill memory, too.
  @Test func emptyMessagesHaveALimit() async throws {
    try await withPair(["W": Self.waiting], server: { $0.maximumHeldBytes = 1 << 20 }) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      // A quarter of a megabyte of frames, all on the stream's first credit.
      let frames = (0..<20_000).flatMap { _ in Wire.frame(2, 1, stream: 1, []) }
      try await peer.send(Wire.preface + Self.call("W", stream: 1) + frames)
      #expect(try await peer.read(8) == Wire.preface)
      while let frame = try await peer.frame() {
        guard frame.type == 4 else { continue }
        #expect(frame.payload[1] == 8)
        return
      }
      Issue.record("the connection has ended without a status")
    }
  }

  /// Nobody reads; what is held stays under the limit, and others still get through.
  @Test func allInputTogetherHasALimit() async throws {
    let limit = 1 << 20
    try await withPair(
      ["W": Self.waiting, "Echo": Self.echo], server: { $0.maximumHeldBytes = limit }
    ) { pair in
      let peers = try (0..<8).map { _ in try RawPeer(pair.path) }
      defer { for peer in peers { peer.close() } }
      let part = [UInt8](repeating: 3, count: 60_000)
      for peer in peers {
        try await peer.send(Wire.preface)
        for stream in [1, 3, 5, 7] as [UInt32] {
          try await peer.send(
            Self.call("W", stream: stream)
              + (0..<4).flatMap { _ in Wire.frame(2, 1, stream: stream, part) })
        }
        // A client that sends little is not the one that pays.
        #expect(try await pair.unary("Echo", [UInt8](repeating: 1, count: 9_000)).count == 9_000)
      }
      // 32 calls of 240,000 bytes each; at most four of them fit.
      try await eventually { pair.transport.activity.calls <= 4 }
      #expect(pair.transport.activity.calls >= 3)
      var codes: [UInt8] = []
      for peer in peers {
        peer.endOutput()
        #expect(try await peer.read(8) == Wire.preface)
        while let frame = try await peer.frame() {
          if frame.type == 4 { codes.append(frame.payload[1]) }
        }
      }
      #expect(codes.count == 32)
      #expect(codes.filter { $0 == 8 }.count >= 28)
    }
  }
}
