import FramedTransport
import GRPCCore
import Testing

/// Deadlines, cancelling and lost connections: the client has a status, the handler is told, and a writer
/// that waits for credit wakes.
@Suite(.timeLimit(.minutes(1))) struct CancellationTests {
  /// What a handler saw.
  struct Seen: Sendable {
    var isRunning = false
    var cause: CancellationCause?
    var writeError: RPCError.Code?
    var hasReturned = false
  }

  /// A handler that waits to be told to stop and then answers as if all were well.
  private func waiting(_ seen: Box<Seen>) -> Handler {
    { _, context in
      seen.update { $0.isRunning = true }
      try await context.cancellation.cancelled
      let call = context.transportSpecific as? FramedTransport.CallInformation
      seen.update {
        $0.cause = call?.cancellationCause
        $0.hasReturned = true
      }
      return .messages { _ in }
    }
  }

  /// A handler that writes until it cannot.
  private func writing(_ seen: Box<Seen>) -> Handler {
    { _, context in
      .messages { writer in
        seen.update { $0.isRunning = true }
        do {
          while true { try await writer.write([UInt8](repeating: 0, count: 50_000)) }
        } catch {
          let call = context.transportSpecific as? FramedTransport.CallInformation
          seen.update {
            $0.writeError = (error as? RPCError)?.code
            $0.cause = call?.cancellationCause
            $0.hasReturned = true
          }
        }
      }
    }
  }

  @Test func theDeadlineOfAWaitingHandler() async throws {
    let seen = Box(Seen())
    try await withPair(["W": self.waiting(seen)]) { pair in
      var options = CallOptions.defaults
      options.timeout = .seconds(2)
      #expect(await code { _ = try await pair.unary("W", options: options) } == .deadlineExceeded)
      try await eventually { seen.value.hasReturned }
    }
    // GRPCCore cancels the client's task at the deadline; on a busy machine that comes so long before
    // this side's timers that the server is told of the one and not of the other.
    #expect([.deadlineExceeded, .cancelledByClient].contains(seen.value.cause))
  }

  @Test func theServerKeepsTheDeadlineByItself() async throws {
    let seen = Box(Seen())
    try await withPair(["W": self.waiting(seen)]) { pair in
      let peer = try RawPeer(pair.path)
      defer { peer.close() }
      let headers = Wire.headers("test.Service/W", [Wire.text("grpc-timeout", "00002000m")])
      try await peer.send(
        Wire.preface + Wire.frame(1, stream: 1, headers) + Wire.frame(2, 1, stream: 1)
          + Wire.frame(3, stream: 1))
      #expect(try await peer.read(8) == Wire.preface)
      let frame = try #require(try await peer.frame())
      #expect(frame.type == 4)
      #expect(frame.payload.prefix(2) == [0x08, 4])
      try await eventually { seen.value.hasReturned }
    }
    #expect(seen.value.cause == .deadlineExceeded)
  }

  @Test func theDeadlineWakesAWriter() async throws {
    let seen = Box(Seen())
    try await withPair(["F": self.writing(seen)]) { pair in
      var options = CallOptions.defaults
      options.timeout = .seconds(2)
      let result = await code {
        try await pair.stream("F", options: options) { _ in
          try await eventually { seen.value.hasReturned }
        }
      }
      #expect(result == .deadlineExceeded || result == nil)
      try await eventually { seen.value.hasReturned }
    }
    #expect([.deadlineExceeded, .cancelled].contains(seen.value.writeError))
  }

  @Test func aCancelledTaskCancelsTheCall() async throws {
    let seen = Box(Seen())
    try await withPair(["W": self.waiting(seen)]) { pair in
      let call = Task { try await pair.unary("W") }
      try await eventually { seen.value.isRunning }
      call.cancel()
      #expect(await code { _ = try await call.value } == .cancelled)
      try await eventually { seen.value.hasReturned }
    }
    #expect(seen.value.cause == .cancelledByClient)
  }

  @Test func cancellingWakesAWriter() async throws {
    let seen = Box(Seen())
    try await withPair(["F": self.writing(seen)]) { pair in
      let call = Task {
        try await pair.stream("F") { _ in try await Task.sleep(for: .seconds(3600)) }
      }
      try await eventually { seen.value.isRunning }
      call.cancel()
      _ = await call.result
      try await eventually { seen.value.hasReturned }
    }
    #expect(seen.value.cause == .cancelledByClient)
    #expect(seen.value.writeError == .cancelled)
  }

  @Test func leavingACallCancelsIt() async throws {
    let seen = Box(Seen())
    try await withPair(["F": self.writing(seen)]) { pair in
      // The first message is enough for this client.
      let size = try await pair.stream("F") { response in
        for try await message in response.messages { return message.count }
        return 0
      }
      #expect(size == 50_000)
      try await eventually { seen.value.hasReturned }
    }
    #expect(seen.value.cause == .cancelledByClient)
  }

  @Test func anErrorOfTheRequestCancelsTheCall() async throws {
    let seen = Box(Seen())
    try await withPair(["W": self.waiting(seen)]) { pair in
      let result = await code {
        _ = try await pair.client.clientStreaming(
          request: StreamingClientRequest<[UInt8]> { writer in
            try await writer.write([1])
            try await eventually { seen.value.isRunning }
            throw RPCError(code: .dataLoss, message: "the file is gone")
          },
          descriptor: TestService.method("W"), serializer: RawCoding(),
          deserializer: RawCoding(), options: .defaults
        ) { try $0.message }
      }
      #expect(result == .dataLoss)
      try await eventually { seen.value.hasReturned }
    }
    #expect(seen.value.cause == .cancelledByClient)
  }

  @Test func aClientThatWaitsForCreditWakes() async throws {
    let seen = Box(Seen())
    // This handler never reads its request.
    try await withPair(["W": self.waiting(seen)]) { pair in
      let call = Task {
        try await pair.unary("W", [UInt8](repeating: 0, count: 1 << 20))
      }
      try await eventually { seen.value.isRunning }
      call.cancel()
      #expect(await code { _ = try await call.value } == .cancelled)
      try await eventually { seen.value.hasReturned }
    }
  }

  @Test func aLostClientStopsTheHandler() async throws {
    let seen = Box(Seen())
    try await withPair(["W": self.waiting(seen)]) { pair in
      let peer = try RawPeer(pair.path)
      try await peer.send(
        Wire.preface + Wire.frame(1, stream: 1, Wire.headers("test.Service/W")))
      try await eventually { seen.value.isRunning }
      peer.close()
      try await eventually { seen.value.hasReturned }
    }
    #expect(seen.value.cause == .connectionLost)
  }

  @Test func aLostClientWakesAWriter() async throws {
    let seen = Box(Seen())
    try await withPair(["F": self.writing(seen)]) { pair in
      let peer = try RawPeer(pair.path)
      try await peer.send(
        Wire.preface + Wire.frame(1, stream: 1, Wire.headers("test.Service/F"))
          + Wire.frame(2, 1, stream: 1) + Wire.frame(3, stream: 1))
      try await eventually { seen.value.isRunning }
      peer.close()
      try await eventually { seen.value.hasReturned }
    }
    #expect(seen.value.cause == .connectionLost)
    #expect(seen.value.writeError == .unavailable)
  }

  @Test func aLostServerIsUnavailable() async throws {
    let seen = Box(Seen())
    try await withPair(["W": self.waiting(seen)]) { pair in
      let call = Task { try await pair.unary("W") }
      try await eventually { seen.value.isRunning }
      pair.stopServer()
      #expect(await code { _ = try await call.value } == .unavailable)
      // The socket is gone, and the next call says so.
      #expect(await code { _ = try await pair.unary("W") } == .unavailable)
    }
    #expect(seen.value.cause == .connectionLost || seen.value.cause == nil)
  }

  @Test func aStreamThatBreaksDoesNotLookLikeSuccess() async throws {
    let handler: Handler = { _, context in
      .messages { writer in
        try await writer.write([1])
        try await writer.write([2])
        try await context.cancellation.cancelled
      }
    }
    try await withPair(["Two": handler]) { pair in
      let count = Box(0)
      let result = await code {
        try await pair.stream("Two") { response in
          for try await _ in response.messages {
            count.update { $0 += 1 }
            if count.value == 2 { pair.stopServer() }
          }
        }
      }
      #expect(count.value == 2)
      #expect(result == .unavailable)
    }
  }
}
