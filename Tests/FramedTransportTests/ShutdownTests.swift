import FramedTransport
import GRPCCore
import Glibc
import Testing

/// Beginning and ending: graceful shutdown, connecting again, being idle.
@Suite(.timeLimit(.minutes(1))) struct ShutdownTests {
  /// Sends without end; tells that it has begun, and why it was cancelled.
  private static func sender(
    _ isSending: Box<Bool>, _ cause: Box<CancellationCause?>
  ) -> Handler {
    { _, context in
      .messages { writer in
        isSending.value = true
        defer {
          cause.value =
            (context.transportSpecific as? FramedTransport.CallInformation)?.cancellationCause
        }
        while true { try await writer.write([UInt8](repeating: 1, count: 60_000)) }
      }
    }
  }

  /// A client that takes nothing is given up soon, and the grace period is too long to play a part.
  private static func stalls(_ configuration: inout FramedTransport.Server.Configuration) {
    configuration.gracePeriod = .seconds(3_600)
    configuration.stallTime = .milliseconds(20)
  }

  private static let echo: Handler = { request, _ in
    .messages { writer in
      for try await message in request.messages { try await writer.write(message) }
    }
  }

  @Test func runningCallsEndInTheGracePeriod() async throws {
    let (release, releaser) = AsyncStream<Void>.makeStream()
    let isRunning = Box(false)
    let handler: Handler = { _, context in
      isRunning.value = true
      for await _ in release {}
      let isCancelled = context.cancellation.isCancelled
      return .messages { try await $0.write([isCancelled ? 1 : 0]) }
    }
    try await withPair(["W": handler]) { pair in
      let call = Task { try await pair.unary("W") }
      try await eventually { isRunning.value }
      pair.transport.beginGracefulShutdown()
      // New calls are refused, on this connection and on a new one.
      #expect(await code { _ = try await pair.unary("W") } == .unavailable)
      releaser.finish()
      #expect(try await call.value == [0])
    }
  }

  @Test func theGracePeriodEnds() async throws {
    let cause = Box<CancellationCause?>(nil)
    let isRunning = Box(false)
    let handler: Handler = { _, context in
      isRunning.value = true
      try? await context.cancellation.cancelled
      cause.value =
        (context.transportSpecific as? FramedTransport.CallInformation)?.cancellationCause
      return .messages { _ in }
    }
    try await withPair(["W": handler], server: { $0.gracePeriod = .milliseconds(200) }) { pair in
      let call = Task { try await pair.unary("W") }
      try await eventually { isRunning.value }
      pair.transport.beginGracefulShutdown()
      #expect(await code { _ = try await call.value } == .unavailable)
    }
    #expect(cause.value == .shuttingDown)
  }

  /// Nobody waits an hour for a client that reads nothing; what else runs goes on.
  @Test func aCallWhoseClientTakesNothingEnds() async throws {
    let (release, releaser) = AsyncStream<Void>.makeStream()
    let isRunning = Box(false)
    let isSending = Box(false)
    let cause = Box<CancellationCause?>(nil)
    let worker: Handler = { _, _ in
      isRunning.value = true
      for await _ in release {}
      return .messages { try await $0.write([7]) }
    }
    try await withPair(
      ["Send": Self.sender(isSending, cause), "Work": worker], server: Self.stalls
    ) { pair in
      let work = Task { try await pair.unary("Work") }
      try await eventually { isRunning.value }
      let transport = try FramedTransport.Client(path: pair.path)
      let connecting = Task { try await transport.connect() }
      let status = try await transport.withStream(
        descriptor: TestService.method("Send"), options: .defaults
      ) { stream, _ in
        try await stream.outbound.write(.metadata([:]))
        try await stream.outbound.write(.message([]))
        await stream.outbound.finish()
        try await eventually { isSending.value }
        // It takes nothing until the call has ended at the other end.
        pair.transport.beginGracefulShutdown()
        try await eventually { cause.value != nil }
        var status: Status.Code?
        do {
          for try await part in stream.inbound {
            if case .status(let end, _) = part { status = end.code }
          }
        } catch let error as RPCError {
          status = Status.Code(error.code)
        }
        return status
      }
      #expect(status == .unavailable)
      #expect(cause.value == .shuttingDown)
      releaser.finish()
      #expect(try await work.value == [7])
      transport.beginGracefulShutdown()
      try await connecting.value
    }
  }

  /// All the credit there is does not keep the server for one that does not read its socket.
  @Test func aCallWhoseClientDoesNotReadEnds() async throws {
    let isSending = Box(false)
    let cause = Box<CancellationCause?>(nil)
    try await withPair(["Send": Self.sender(isSending, cause)], server: Self.stalls) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      try await peer.send(
        Wire.preface + Wire.frame(1, stream: 1, Wire.headers("test.Service/Send"))
          + Wire.frame(2, 1, stream: 1) + Wire.frame(3, stream: 1)
          + Wire.frame(8, stream: 1, Wire.field(1, 1 << 30)))
      try await eventually { isSending.value }
      pair.transport.beginGracefulShutdown()
      try await eventually { cause.value != nil }
      #expect(cause.value == .shuttingDown)
      // Nor does its connection, which is never read to the end.
      try await eventually { pair.transport.activity.connections <= 1 }
    }
  }

  @Test func listenReturnsAndTheSocketIsGone() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let place = try SocketPlace.claim(path)
    let transport = FramedTransport.Server(place: place)
    let serving = Task { try await transport.listen { _, _ in } }
    try await waitForSocket(path)
    var status = stat()
    #expect(lstat(path, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
    transport.beginGracefulShutdown()
    try await serving.value
    #expect(lstat(path, &status) == -1)
    // The place is free again.
    try SocketPlace.claim(path).release()
    await #expect(throws: RPCError.self) { try await transport.listen { _, _ in } }
    withExtendedLifetime(directory) {}
  }

  @Test func aGoAwayIsWhatClientsSee() async throws {
    try await withPair([:]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      try await peer.send(Wire.preface)
      #expect(try await peer.read(8) == Wire.preface)
      pair.transport.beginGracefulShutdown()
      let frame = try #require(try await peer.frame())
      #expect(frame.type == 7 && frame.payload.prefix(2) == [0x10, 1])
      #expect(try await peer.readAll() == [])
    }
  }

  @Test func theNextCallConnectsAgain() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let client = GRPCClient(transport: try FramedTransport.Client(path: path))
    let connecting = Task { try await client.runConnections() }
    let pair = { (transport: FramedTransport.Server) in
      Pair(client: client, transport: transport, path: path, stopServer: {})
    }
    for round in 0..<3 {
      let transport = FramedTransport.Server(place: try SocketPlace.claim(path))
      let server = GRPCServer(
        transport: transport, services: [TestService(handlers: ["Echo": Self.echo])])
      let serving = Task { try await server.serve() }
      try await waitForSocket(path)
      #expect(try await pair(transport).unary("Echo", [UInt8(round)]) == [UInt8(round)])
      server.beginGracefulShutdown()
      try await serving.value
      #expect(await code { _ = try await pair(transport).unary("Echo") } == .unavailable)
    }
    client.beginGracefulShutdown()
    try await connecting.value
    withExtendedLifetime(directory) {}
  }

  @Test func waitForReadyWaits() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let client = GRPCClient(transport: try FramedTransport.Client(path: path))
    let connecting = Task { try await client.runConnections() }
    let transport = FramedTransport.Server(place: try SocketPlace.claim(path))
    let pair = Pair(client: client, transport: transport, path: path, stopServer: {})
    #expect(await code { _ = try await pair.unary("Echo") } == .unavailable)
    var options = CallOptions.defaults
    options.waitForReady = true
    let patient = Task { [options] in try await pair.unary("Echo", [5], options: options) }
    options.timeout = .milliseconds(100)
    #expect(await code { _ = try await pair.unary("Echo", options: options) } == .deadlineExceeded)

    let server = GRPCServer(
      transport: transport, services: [TestService(handlers: ["Echo": Self.echo])])
    let serving = Task { try await server.serve() }
    #expect(try await patient.value == [5])
    client.beginGracefulShutdown()
    try await connecting.value
    server.beginGracefulShutdown()
    try await serving.value
    withExtendedLifetime(directory) {}
  }

  @Test func aClosingClientLetsItsCallsEnd() async throws {
    let (release, releaser) = AsyncStream<Void>.makeStream()
    let isRunning = Box(false)
    let handler: Handler = { _, _ in
      isRunning.value = true
      for await _ in release {}
      return .messages { try await $0.write([3]) }
    }
    try await withPair(["W": handler]) { pair in
      let transport = try FramedTransport.Client(path: pair.path)
      let connecting = Task { try await transport.connect() }
      let call = Task {
        try await transport.withStream(
          descriptor: TestService.method("W"), options: .defaults
        ) { stream, _ in
          try await stream.outbound.write(.metadata([:]))
          try await stream.outbound.write(.message([]))
          await stream.outbound.finish()
          var parts: [RPCResponsePart<[UInt8]>] = []
          for try await part in stream.inbound { parts.append(part) }
          return parts
        }
      }
      try await eventually { isRunning.value }
      transport.beginGracefulShutdown()
      let refused = await code {
        try await transport.withStream(
          descriptor: TestService.method("W"), options: .defaults
        ) { _, _ in }
      }
      #expect(refused == .failedPrecondition)
      releaser.finish()
      #expect(
        try await call.value == [
          .metadata([:]), .message([3]), .status(Status(code: .ok, message: ""), [:]),
        ])
      try await connecting.value
    }
  }

  @Test func activityCountsCallsAndConnections() async throws {
    let (release, releaser) = AsyncStream<Void>.makeStream()
    let isRunning = Box(false)
    let handler: Handler = { _, _ in
      isRunning.value = true
      for await _ in release {}
      return .messages { try await $0.write([]) }
    }
    try await withPair(["W": handler]) { pair in
      let call = Task { try await pair.unary("W") }
      try await eventually { isRunning.value }
      #expect(pair.transport.activity.calls == 1)
      releaser.finish()
      _ = try await call.value
      try await eventually { pair.transport.activity.calls == 0 }
      #expect(pair.transport.activity.connections >= 1)
    }
  }
}
