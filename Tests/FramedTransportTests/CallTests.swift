import FramedTransport
import GRPCCore
import Glibc
import Testing

/// Calls of every kind through real sockets.
@Suite(.timeLimit(.minutes(1))) struct CallTests {
  private static let echo: Handler = { request, _ in
    .messages { writer in
      for try await message in request.messages { try await writer.write(message) }
    }
  }

  @Test func unary() async throws {
    let answer = try await withPair(["Echo": Self.echo]) { pair in
      try await pair.unary("Echo", [1, 2, 3])
    }
    #expect(answer == [1, 2, 3])
  }

  @Test func anEmptyMessage() async throws {
    let answer = try await withPair(["Echo": Self.echo]) { try await $0.unary("Echo") }
    #expect(answer == [])
  }

  @Test func metadataBothWays() async throws {
    let seen = Box<Metadata>([:])
    let handler: Handler = { request, _ in
      seen.value = request.metadata
      return StreamingServerResponse(metadata: ["initial": "1", "raw-bin": .binary([0, 255])]) {
        writer in
        try await writer.write([])
        return ["trailing": "2"]
      }
    }
    try await withPair(["M": handler]) { pair in
      try await pair.client.unary(
        request: ClientRequest(
          message: [], metadata: ["key": "value", "bytes-bin": .binary([1, 2])]),
        descriptor: TestService.method("M"), serializer: RawCoding(), deserializer: RawCoding(),
        options: .defaults
      ) { response in
        #expect(Array(response.metadata[stringValues: "initial"]) == ["1"])
        #expect(Array(response.metadata[binaryValues: "raw-bin"]) == [[0, 255]])
        #expect(Array(response.trailingMetadata[stringValues: "trailing"]) == ["2"])
      }
    }
    #expect(Array(seen.value[stringValues: "key"]) == ["value"])
    #expect(Array(seen.value[binaryValues: "bytes-bin"]) == [[1, 2]])
  }

  @Test func errorsWithDetails() async throws {
    let handler: Handler = { _, _ in
      throw RPCError(
        code: .invalidArgument, message: "steps: 0 is too few",
        metadata: ["grpc-status-details-bin": .binary([8, 3])])
    }
    try await withPair(["E": handler]) { pair in
      do {
        _ = try await pair.unary("E")
        Issue.record("no error")
      } catch let error as RPCError {
        #expect(error.code == .invalidArgument)
        #expect(error.message == "steps: 0 is too few")
        #expect(Array(error.metadata[binaryValues: "grpc-status-details-bin"]) == [[8, 3]])
      }
    }
  }

  @Test func anUnknownMethod() async throws {
    try await withPair([:]) { pair in
      #expect(await code { _ = try await pair.unary("Nothing") } == .unimplemented)
    }
  }

  @Test func serverStreaming() async throws {
    let handler: Handler = { _, _ in
      .messages { writer in
        for index in 0..<1000 { try await writer.write([UInt8](repeating: 7, count: index)) }
      }
    }
    let sizes = try await withPair(["S": handler]) { pair in
      try await pair.stream("S") { response in
        var sizes: [Int] = []
        for try await message in response.messages { sizes.append(message.count) }
        return sizes
      }
    }
    #expect(sizes == Array(0..<1000))
  }

  @Test func clientStreaming() async throws {
    let handler: Handler = { request, _ in
      var sum = 0
      for try await message in request.messages { sum += message.count }
      let total = sum
      return .messages { try await $0.write(Array("\(total)".utf8)) }
    }
    let answer = try await withPair(["C": handler]) { pair in
      try await pair.client.clientStreaming(
        request: StreamingClientRequest { writer in
          for index in 1...100 { try await writer.write([UInt8](repeating: 0, count: index * 100)) }
        },
        descriptor: TestService.method("C"), serializer: RawCoding(), deserializer: RawCoding(),
        options: .defaults
      ) { try $0.message }
    }
    #expect(answer == Array("505000".utf8))
  }

  @Test func bidirectionalStreaming() async throws {
    // The client sends the next message only when it has the answer to the one before.
    let answers = try await withPair(["Echo": Self.echo]) { pair in
      let (turns, turn) = AsyncStream<UInt8>.makeStream()
      turn.yield(0)
      return try await pair.client.bidirectionalStreaming(
        request: StreamingClientRequest { writer in
          for await number in turns { try await writer.write([number]) }
        },
        descriptor: TestService.method("Echo"), serializer: RawCoding(),
        deserializer: RawCoding(), options: .defaults
      ) { response in
        var answers: [UInt8] = []
        for try await message in response.messages {
          answers += message
          if answers.count < 50 { turn.yield(UInt8(answers.count)) } else { turn.finish() }
        }
        return answers
      }
    }
    #expect(answers == Array(0..<50))
  }

  @Test func manyCallsAtOnce() async throws {
    let total = try await withPair(
      ["Echo": Self.echo],
      server: {
        $0.maximumCallsPerConnection = 300
      }
    ) { pair in
      try await withThrowingTaskGroup(of: Int.self) { group in
        for index in 0..<300 {
          group.addTask {
            let message = [UInt8](repeating: UInt8(index % 251), count: 1 + index * 10)
            return try await pair.unary("Echo", message) == message ? 1 : 0
          }
        }
        return try await group.reduce(0, +)
      }
    }
    #expect(total == 300)
  }

  @Test func tooManyCallsAtOnce() async throws {
    let (release, releaser) = AsyncStream<Void>.makeStream()
    let started = Box(0)
    let handler: Handler = { _, _ in
      started.update { $0 += 1 }
      for await _ in release {}
      return .messages { try await $0.write([]) }
    }
    try await withPair(["Wait": handler], server: { $0.maximumCallsPerConnection = 1 }) { pair in
      async let first = pair.unary("Wait")
      try await eventually { started.value == 1 }
      #expect(await code { _ = try await pair.unary("Wait") } == .resourceExhausted)
      releaser.finish()
      _ = try await first
    }
  }

  @Test func aMessageOfFiveMebibytes() async throws {
    let message = (0..<5 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let answer = try await withPair(
      ["Echo": Self.echo],
      server: {
        $0.requestLimits[TestService.method("Echo")] = 6 << 20
      }
    ) { try await $0.unary("Echo", message) }
    #expect(answer == message)
  }

  @Test func limitsByMethod() async throws {
    let big: Handler = { _, _ in
      .messages { try await $0.write([UInt8](repeating: 1, count: 9000)) }
    }
    try await withPair(
      ["Echo": Self.echo, "Other": Self.echo, "Big": big],
      server: {
        $0.requestLimits = .init(standard: 1000)
        $0.requestLimits[TestService.method("Other")] = 2000
      },
      client: {
        $0.responseLimits[TestService.method("Big")] = 8999
      }
    ) { pair in
      let message = [UInt8](repeating: 0, count: 1500)
      #expect(await code { _ = try await pair.unary("Echo", message) } == .resourceExhausted)
      let other = try await pair.unary("Other", message)
      #expect(other == message)
      #expect(await code { _ = try await pair.unary("Big") } == .resourceExhausted)
      var options = CallOptions.defaults
      options.maxResponseMessageBytes = 9000
      let big = try await pair.unary("Big", options: options)
      #expect(big.count == 9000)
      options.maxRequestMessageBytes = 10
      #expect(
        await code { _ = try await pair.unary("Other", message, options: options) }
          == .resourceExhausted)
    }
  }

  /// A status that comes just as the reader begins to wait for it must not be overtaken by the end.
  @Test func quickCallsOneAfterAnother() async throws {
    try await withPair(["Echo": Self.echo]) { pair in
      for number in 0..<1_000 {
        let message = [UInt8(truncatingIfNeeded: number)]
        let answer = try await pair.unary("Echo", message)
        #expect(answer == message)
      }
    }
  }

  @Test func aSlowReaderHoldsBackOnlyItsOwnCall() async throws {
    let written = Box(0)
    let flood: Handler = { _, _ in
      .messages { writer in
        for _ in 0..<100 {
          try await writer.write([UInt8](repeating: 0, count: 65_536))
          written.update { $0 += 1 }
        }
      }
    }
    try await withPair(["Flood": flood, "Echo": Self.echo]) { pair in
      let total = try await pair.stream("Flood") { response in
        // Nothing is read yet: the writer gets as far as its credit and no further.
        try await eventually { written.value >= 4 }
        for index in 0..<50 {
          let message = [UInt8](repeating: UInt8(index), count: 10_000)
          #expect(try await pair.unary("Echo", message) == message)
        }
        #expect(written.value == 4)
        var total = 0
        for try await message in response.messages { total += message.count }
        return total
      }
      #expect(total == 100 * 65_536)
    }
  }

  @Test func theHandlerKnowsItsPeerAndDeadline() async throws {
    let peer = Box<PeerCredentials?>(nil)
    let remaining = Box<Duration?>(nil)
    let description = Box("")
    let hasTimeout = Box(true)
    let handler: Handler = { request, context in
      let call = context.transportSpecific as? FramedTransport.CallInformation
      peer.value = call?.peer
      remaining.value = call?.deadline.map { ContinuousClock.now.duration(to: $0) }
      description.value = context.remotePeer
      hasTimeout.value = request.metadata[stringValues: "grpc-timeout"].contains { _ in true }
      return .messages { try await $0.write([]) }
    }
    try await withPair(["P": handler]) { pair in
      // GRPCCore writes this one with eight digits, which its own reader refuses.
      var options = CallOptions.defaults
      options.timeout = .seconds(15)
      _ = try await pair.unary("P", options: options)
    }
    #expect(peer.value?.processID == getpid())
    #expect(peer.value?.userID == geteuid())
    // The connection's number tells it from others of the same process.
    let said = description.value.split(separator: "=").map(String.init)
    #expect(said.dropLast() == ["unix:uid", "\(geteuid()),pid", "\(getpid()),connection"])
    #expect(said.last.flatMap(UInt64.init) != nil)
    let left = try #require(remaining.value)
    #expect(left > .seconds(5) && left <= .seconds(15.01))
    #expect(!hasTimeout.value)
  }
}
