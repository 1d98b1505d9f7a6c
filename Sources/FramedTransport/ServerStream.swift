internal import GRPCCore

/// The request parts of a call. It ends when the client half-closes, and by an `RPCError` when the call
/// ends before.
struct ServerInbound: AsyncSequence, Sendable {
  typealias Element = RPCRequestPart<[UInt8]>
  typealias Failure = any Error

  let endpoint: StreamEndpoint

  struct AsyncIterator: AsyncIteratorProtocol {
    let endpoint: StreamEndpoint

    mutating func next() async throws -> RPCRequestPart<[UInt8]>? {
      switch try await self.endpoint.next() {
      case .metadata(let metadata): .metadata(metadata)
      case .message(let message): .message(message)
      case .status, nil: nil
      }
    }
  }

  func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(endpoint: self.endpoint)
  }
}

/// Writes the response parts of a call. A status is sent even from a cancelled task.
struct ServerOutbound: ClosableRPCWriterProtocol {
  typealias Element = RPCResponsePart<[UInt8]>

  let endpoint: StreamEndpoint

  func write(_ part: RPCResponsePart<[UInt8]>) async throws {
    let (link, stream) = try self.endpoint.writable()
    switch part {
    case .metadata(let metadata):
      try await link.call { handler throws(RPCError) in
        try handler.sendHeaders(stream, metadata)
      }
    case .message(let message):
      try await link.send(message, on: stream)
    case .status(let status, let metadata):
      link.run { $0.sendStatus(stream, status, metadata) }
    }
  }

  func write(contentsOf parts: some Sequence<RPCResponsePart<[UInt8]>>) async throws {
    for part in parts { try await self.write(part) }
  }

  /// The status that comes before ends the call; without one it fails when the handler returns.
  func finish() async {}

  func finish(throwing error: any Error) async {
    let error =
      error as? RPCError
      ?? RPCError(code: .unknown, message: "the response ended with an error", cause: error)
    try? await self.write(.status(Status(error), error.metadata))
  }
}
