import FramedTransport
import GRPCCore
import Testing

/// A call that has been given a connection which ends before anything of the call is sent.
@Suite(.timeLimit(.minutes(1))) struct EndedConnectionTests {
  /// Makes a call on a connection that `end` ends, once the client has noticed.
  ///
  /// - Returns: How the call failed.
  private func call(
    endedBy end: @escaping @Sendable (RawPeer) async throws -> Void
  ) async throws -> RPCError? {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let listener = try RawListener(path)
    let transport = try FramedTransport.Client(path: path)
    let connecting = Task { try await transport.connect() }
    let first = try await listener.accept()
    // Answers every call on the next connection.
    let serving = Task {
      let peer = try await listener.accept()
      while let frame = try await peer.frame() {
        guard frame.type == 1 else { continue }
        try await peer.send(
          Wire.frame(4, stream: UInt32(frame.stream), Wire.status(16, "answered")))
      }
      peer.close()
    }
    let error = await rpcError {
      try await transport.withStream(
        descriptor: TestService.method("A"), options: .defaults
      ) { stream, _ in
        try await end(first)
        // The client's socket is closed; when its loop has made another connection, it has told everybody.
        _ = try await first.readAll()
        let other = await rpcError { try await Self.exchange(on: transport) }
        #expect(other?.message == "answered")
        try await Self.exchange(stream)
      }
    }
    transport.beginGracefulShutdown()
    try await connecting.value
    try await serving.value
    first.close()
    withExtendedLifetime(directory) {}
    return error
  }

  private static func exchange(on transport: FramedTransport.Client) async throws {
    try await transport.withStream(
      descriptor: TestService.method("B"), options: .defaults
    ) { stream, _ in try await Self.exchange(stream) }
  }

  /// Sends a call without messages and throws its status.
  private static func exchange(
    _ stream: RPCStream<FramedTransport.Client.Inbound, FramedTransport.Client.Outbound>
  ) async throws {
    try await stream.outbound.write(.metadata([:]))
    await stream.outbound.finish()
    for try await part in stream.inbound {
      if case .status(let status, _) = part, let error = RPCError(status: status) { throw error }
    }
  }

  @Test(arguments: [0, 2, 3, 4, 6, 99])
  func aReasonIsWhatTheCallFailsWith(reason: UInt64) async throws {
    let error = try await self.call { peer in
      try await peer.send(
        Wire.frame(7, stream: 0, Wire.field(2, reason) + Wire.field(3, "in words".utf8)))
      peer.endOutput()
    }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("in words") == true)
  }

  @Test func anOrderlyEndGivesItAnother() async throws {
    let error = try await self.call { peer in
      try await peer.send(
        Wire.frame(7, stream: 0, Wire.field(2, 1) + Wire.field(3, "evicted".utf8)))
      peer.endOutput()
    }
    #expect(error?.message == "answered")
  }

  @Test func aLossGivesItAnother() async throws {
    let error = try await self.call { peer in peer.endOutput() }
    #expect(error?.message == "answered")
  }
}

private func rpcError(_ body: () async throws -> Void) async -> RPCError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? RPCError
  }
}
