internal import GRPCCore

/// The response parts of a call. It ends after a status, and in no other way than by an `RPCError`
/// otherwise.
struct ClientInbound: AsyncSequence, Sendable {
  typealias Element = RPCResponsePart<[UInt8]>
  typealias Failure = any Error

  let endpoint: StreamEndpoint

  struct AsyncIterator: AsyncIteratorProtocol {
    let endpoint: StreamEndpoint

    mutating func next() async throws -> RPCResponsePart<[UInt8]>? {
      switch try await self.endpoint.next() {
      case .metadata(let metadata): .metadata(metadata)
      case .message(let message): .message(message)
      case .status(let status, let metadata): .status(status, metadata)
      case nil: nil
      }
    }
  }

  func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(endpoint: self.endpoint)
  }
}

/// Writes the request parts of a call.
struct ClientOutbound: ClosableRPCWriterProtocol {
  typealias Element = RPCRequestPart<[UInt8]>

  let endpoint: StreamEndpoint
  let method: MethodDescriptor
  /// When the call began; its `grpc-timeout` counts from then.
  let began: ContinuousClock.Instant
  let requestLimit: Int?
  let responseLimit: Int
  /// Another connection, where the one there was takes no new call.
  let reconnect: @Sendable () async throws -> ConnectionLink
  /// On how many connections opening a stream is tried.
  private static let attempts = 3

  func write(_ part: RPCRequestPart<[UInt8]>) async throws {
    switch part {
    case .metadata(let metadata):
      do {
        try await self.open(metadata)
      } catch {
        // The reader must learn of it too: no status will come.
        let error =
          error as? RPCError
          ?? RPCError(code: .unknown, message: "no call was opened", cause: error)
        self.endpoint.cancel(error)
        throw error
      }
    case .message(let message):
      if let limit = self.requestLimit, message.count > limit {
        throw RPCError(
          code: .resourceExhausted,
          message: "the request has \(message.count) bytes; this call allows \(limit)")
      }
      let stream = try self.endpoint.writable()
      try await self.endpoint.link.send(message, on: stream)
    }
  }

  /// Opens the stream, on another connection if this one has ended meanwhile and the reason would not
  /// meet the other, too. Nothing has been sent then.
  private func open(_ metadata: Metadata) async throws {
    let (endpoint, method, limit) = (self.endpoint, self.method, self.responseLimit)
    for attempt in 1... {
      let link = endpoint.link
      do {
        let metadata = try self.withRemainingTimeout(metadata)
        return try await link.call { handler throws(RPCError) in
          try handler.open(endpoint, method, metadata, messageLimit: limit)
        }
      } catch {
        guard attempt < Self.attempts, link.ending?.allowsAnother == true else { throw error }
        do {
          endpoint.move(to: try await self.reconnect())
        } catch let refusal as RPCError where refusal.code == .failedPrecondition {
          // The client is closing; that is not why this call fails.
          throw error
        }
      }
    }
  }

  /// Metadata whose `grpc-timeout` is what is left of it.
  private func withRemainingTimeout(_ metadata: Metadata) throws(RPCError) -> Metadata {
    var metadata = metadata
    guard let timeout = try metadata.takeTimeout() else { return metadata }
    guard let duration = timeout.duration else { return metadata }
    let deadline = self.began + duration
    guard let rest = CallTimeout(ContinuousClock.now.duration(to: deadline)) else {
      throw ConnectionStateMachine.deadlineExceeded
    }
    self.endpoint.deadline = deadline
    metadata.addString(rest.text, forKey: CallTimeout.key)
    return metadata
  }

  func write(contentsOf parts: some Sequence<RPCRequestPart<[UInt8]>>) async throws {
    for part in parts { try await self.write(part) }
  }

  func finish() async {
    self.endpoint.halfClose()
  }

  func finish(throwing error: any Error) async {
    let error =
      error as? RPCError
      ?? RPCError(code: .cancelled, message: "the request ended with an error", cause: error)
    self.endpoint.cancel(error)
  }
}
