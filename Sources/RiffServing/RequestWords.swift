public import GRPCCore

/// Says in words what is wrong with requests that do not parse, or of which there is another number than
/// the method takes. GRPCCore and its coding tell it in the names of their types.
public struct RequestWords: ServerInterceptor {
  /// One serves any number of calls: it keeps nothing.
  public init() {}

  /// Passes a call on.
  ///
  /// - Throws: what `next` throws, and `RPCError` with the same code and better words for requests that do
  ///   not parse or are too many or too few.
  public func intercept<Input: Sendable, Output: Sendable>(
    request: StreamingServerRequest<Input>, context: ServerContext,
    next:
      @Sendable (StreamingServerRequest<Input>, ServerContext) async throws ->
      StreamingServerResponse<Output>
  ) async throws -> StreamingServerResponse<Output> {
    let method = context.descriptor.method
    var request = request
    request.messages = RPCAsyncSequence(
      wrapping: WordedRequests(base: request.messages, method: method))
    do {
      return try await next(request, context)
    } catch let error as RPCError {
      throw Self.worded(error, method: method)
    }
  }

  /// GRPCCore's own messages, word for word.
  private static func worded(_ error: RPCError, method: String) -> RPCError {
    guard error.code == .internalError else { return error }
    switch error.message {
    case "Empty stream.":
      return RPCError(
        code: error.code,
        message: "\(method) takes one request, and none came before the client's half-close")
    case "Too many messages.":
      return RPCError(
        code: error.code, message: "\(method) takes one request, and a second one came")
    default:
      return error
    }
  }
}

/// Requests as they come; one that does not parse ends them with an error that says so.
private struct WordedRequests<Message: Sendable>: AsyncSequence, Sendable {
  let base: RPCAsyncSequence<Message, any Error>
  let method: String

  struct AsyncIterator: AsyncIteratorProtocol {
    var base: RPCAsyncSequence<Message, any Error>.AsyncIterator
    let method: String
    var count = 0

    mutating func next() async throws -> Message? {
      self.count += 1
      do {
        return try await self.base.next()
      } catch let error as RPCError where error.code == .invalidArgument && error.cause != nil {
        throw RPCError(
          code: error.code,
          message:
            "message \(self.count) of the request is not what riff.proto gives \(self.method)",
          cause: error.cause)
      }
    }
  }

  func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(base: self.base.makeAsyncIterator(), method: self.method)
  }
}
