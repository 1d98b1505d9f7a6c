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

  let call: ClientCall
  let requestLimit: Int?

  func write(_ part: RPCRequestPart<[UInt8]>) async throws {
    switch part {
    case .metadata(let metadata):
      try await self.call.open(metadata)
    case .message(let message):
      if let limit = self.requestLimit, message.count > limit {
        throw RPCError(
          code: .resourceExhausted,
          message: "the request has \(message.count) bytes; this call allows \(limit)")
      }
      try await self.call.endpoint.send(message)
    }
  }

  func write(contentsOf parts: some Sequence<RPCRequestPart<[UInt8]>>) async throws {
    for part in parts { try await self.write(part) }
  }

  func finish() async {
    self.call.endpoint.halfClose()
  }

  func finish(throwing error: any Error) async {
    let error =
      error as? RPCError
      ?? RPCError(code: .cancelled, message: "the request ended with an error", cause: error)
    self.call.endpoint.cancel(error)
  }
}
