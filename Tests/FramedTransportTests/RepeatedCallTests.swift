import FramedTransport
import GRPCCore
import Glibc
import Testing

/// A call that its server has never seen is made again, once; a call that it may have seen is not.
@Suite(.timeLimit(.minutes(1))) struct RepeatedCallTests {
  /// GO_AWAY SHUTDOWN whose `last_stream` is 0.
  private static let away = Wire.frame(7, stream: 0, Wire.field(2, 1) + Wire.field(3, "full".utf8))
  private static let answer =
    Wire.frame(1, stream: 1) + Wire.frame(2, 1, stream: 1, [9]) + Wire.frame(4, stream: 1)

  /// Makes a call of these messages to a server that `serve` plays, on as many connections as it takes.
  ///
  /// - Returns: The messages that came.
  private func call(
    _ messages: [[UInt8]], options: CallOptions = .defaults,
    servedBy serve: @escaping @Sendable (RawListener) async throws -> Void
  ) async throws -> [[UInt8]] {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let listener = try RawListener(path)
    let client = GRPCClient(transport: try FramedTransport.Client(path: path))
    let connecting = Task { try await client.runConnections() }
    let serving = Task { try await serve(listener) }
    let result: Result<[[UInt8]], any Error>
    do {
      result = .success(try await Self.call(client, messages, options))
    } catch {
      result = .failure(error)
    }
    client.beginGracefulShutdown()
    try await connecting.value
    try await serving.value
    #expect(!listener.isVisited)
    withExtendedLifetime(directory) {}
    return try result.get()
  }

  private static func call(
    _ client: GRPCClient<FramedTransport.Client>, _ messages: [[UInt8]], _ options: CallOptions
  ) async throws -> [[UInt8]] {
    try await client.bidirectionalStreaming(
      request: StreamingClientRequest { writer in
        for message in messages { try await writer.write(message) }
      },
      descriptor: TestService.method("A"), serializer: RawCoding(), deserializer: RawCoding(),
      options: options
    ) { response in
      var received: [[UInt8]] = []
      for try await message in response.messages { received.append(message) }
      return received
    }
  }

  /// The payloads of MESSAGE frames up to HALF_CLOSE, with credit for each.
  private static func upload(_ peer: RawPeer, grants: Bool = true) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let frame = try await peer.frame(), frame.type != 3 {
      guard frame.type == 2 else { continue }
      bytes += frame.payload
      let cost = UInt64(max(1, frame.payload.count))
      if grants { try await peer.send(Wire.frame(8, stream: 1, Wire.field(1, cost))) }
    }
    return bytes
  }

  @Test func aCallBelowWhichTheServerGoesIsMadeAgain() async throws {
    let received = try await self.call([[1, 2], [], [3]]) { listener in
      let first = try await listener.accept()
      #expect(try await Self.upload(first, grants: false) == [1, 2, 3])
      try await first.send(Self.away)
      let second = try await listener.accept()
      // From its first byte, on the first stream of the new connection.
      let headers = try #require(try await second.frame())
      #expect(headers.type == 1 && headers.stream == 1)
      #expect(headers.payload == Wire.headers("test.Service/A"))
      #expect(try await Self.upload(second, grants: false) == [1, 2, 3])
      try await second.send(Self.answer)
      _ = try await second.readAll()
      first.close()
      second.close()
    }
    #expect(received == [[9]])
  }

  @Test func aServerThatEndsBeforeItsPrefaceHasSeenNothing() async throws {
    let received = try await self.call([[1]]) { listener in
      try await listener.acceptInSilence().close()
      let second = try await listener.accept()
      #expect(try await Self.upload(second) == [1])
      try await second.send(Self.answer)
      _ = try await second.readAll()
      second.close()
    }
    #expect(received == [[9]])
  }

  /// The writer waits for credit when the connection goes; nothing is lost, doubled or out of order.
  @Test func anUploadGoesOnWhereItsWriterIs() async throws {
    let messages = (0..<9).map { [UInt8](repeating: $0, count: 60_000) }
    let received = try await self.call(messages) { listener in
      let first = try await listener.accept()
      var count = 0
      while count < 262_144, let frame = try await first.frame() {
        if frame.type == 2 { count += frame.payload.count }
      }
      try await first.send(Self.away)
      let second = try await listener.accept()
      #expect(try await Self.upload(second) == messages.flatMap { $0 })
      try await second.send(Self.answer)
      _ = try await second.readAll()
      first.close()
      second.close()
    }
    #expect(received == [[9]])
  }

  @Test func aCallIsMadeAgainOnce() async throws {
    let error = await #expect(throws: RPCError.self) {
      try await self.call([[1]]) { listener in
        for _ in 0..<2 {
          let peer = try await listener.accept()
          _ = try await Self.upload(peer, grants: false)
          try await peer.send(Self.away)
          _ = try await peer.readAll()
          peer.close()
        }
      }
    }
    #expect(error?.code == .unavailable && error?.message.contains("full") == true)
  }

  /// CREDIT or HEADERS of the call, whatever GO_AWAY says.
  @Test(arguments: [Wire.frame(1, stream: 1), Wire.frame(8, stream: 1, Wire.field(1, 1))])
  func aCallThatMayHaveBeenSeenIsNot(said: [UInt8]) async throws {
    let error = await #expect(throws: RPCError.self) {
      try await self.call([[1]]) { listener in
        let peer = try await listener.accept()
        _ = try await Self.upload(peer, grants: false)
        try await peer.send(said + Self.away)
        _ = try await peer.readAll()
        peer.close()
      }
    }
    #expect(error?.code == .unavailable && error?.message.contains("full") == true)
  }

  @Test func aLostConnectionIsNoProof() async throws {
    let error = await #expect(throws: RPCError.self) {
      try await self.call([[1]]) { listener in
        let peer = try await listener.accept()
        _ = try await Self.upload(peer, grants: false)
        peer.close()
      }
    }
    #expect(error?.code == .unavailable)
  }

  /// Neither reader nor writer waits longer than they want to.
  @Test func aCallBetweenTwoConnectionsCanBeCancelled() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let client = GRPCClient(transport: try FramedTransport.Client(path: path))
    let connecting = Task { try await client.runConnections() }
    var options = CallOptions.defaults
    options.waitForReady = true
    var listener: RawListener? = try RawListener(path)
    let call = Task { [options] in
      try await Self.call(client, [[UInt8](repeating: 0, count: 300_000), [1]], options)
    }
    let peer = try #require(try await listener?.accept())
    _ = try await peer.frame()
    // Nobody listens when it wants another connection.
    listener = nil
    unlink(path)
    try await peer.send(Self.away)
    _ = try await peer.readAll()
    peer.close()
    call.cancel()
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .cancelled)
    client.beginGracefulShutdown()
    try await connecting.value
    withExtendedLifetime(directory) {}
  }

  @Test func whereThereIsNoSecondConnectionTheFirstSaysWhy() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let client = GRPCClient(transport: try FramedTransport.Client(path: path))
    let connecting = Task { try await client.runConnections() }
    var listener: RawListener? = try RawListener(path)
    let call = Task { try await Self.call(client, [[1]], .defaults) }
    let peer = try #require(try await listener?.accept())
    _ = try await Self.upload(peer, grants: false)
    listener = nil
    unlink(path)
    try await peer.send(Self.away)
    let error = await #expect(throws: RPCError.self) { try await call.value }
    #expect(error?.code == .unavailable && error?.message.contains("full") == true)
    peer.close()
    client.beginGracefulShutdown()
    try await connecting.value
    withExtendedLifetime(directory) {}
  }
}
