internal import GRPCCore
internal import NIOCore
internal import Synchronization

/// A connection as tasks outside its event loop see it.
final class ConnectionLink: Sendable {
  let channel: any Channel
  private let handler: NIOLoopBound<ConnectionHandler>
  private struct State {
    /// Whether the channel has closed. The event loop may end after that, and one that has ended drops what
    /// it is given, so from then on nothing is given to it.
    var isClosed = false
    var ending: ConnectionEnding?
  }

  private let state = Mutex(State())
  private static let writes = Atomic<WriteID>(0)
  private static let links = Atomic<UInt64>(0)
  /// Tells it from all other connections of this process.
  let number = ConnectionLink.links.add(1, ordering: .relaxed).newValue

  /// To be made on the channel's event loop.
  init(channel: any Channel, handler: ConnectionHandler) {
    self.channel = channel
    self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    channel.closeFuture.whenComplete { _ in self.state.withLock { $0.isClosed = true } }
  }

  /// A number that no other write of this process has.
  static func nextWrite() -> WriteID {
    self.writes.add(1, ordering: .relaxed).newValue
  }

  /// Runs `body` on the event loop, after everything asked for before by the same task.
  ///
  /// - Returns: `false` if the channel has closed; then `body` does not run.
  @discardableResult
  func run(_ body: @escaping @Sendable (ConnectionHandler) -> Void) -> Bool {
    let handler = self.handler
    return self.state.withLock { state in
      if !state.isClosed { self.channel.eventLoop.execute { body(handler.value) } }
      return !state.isClosed
    }
  }

  /// Runs `body` at once. To be called on the event loop.
  func runNow(_ body: (ConnectionHandler) -> Void) {
    body(self.handler.value)
  }

  /// Event loop, client: the connection takes no new calls.
  func retire(_ ending: ConnectionEnding) {
    self.state.withLock { $0.ending = ending }
  }

  /// Client: why the connection takes no new calls, once it takes none.
  var ending: ConnectionEnding? { self.state.withLock(\.ending) }

  private var lost: RPCError {
    self.ending?.error ?? RPCError(code: .unavailable, message: "the connection was lost")
  }

  /// Runs `body` on the event loop and waits for its result.
  func call<Value: Sendable>(
    _ body: @escaping @Sendable (ConnectionHandler) throws(RPCError) -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let runs = self.run { handler in
        do throws(RPCError) {
          continuation.resume(returning: try body(handler))
        } catch {
          continuation.resume(throwing: error)
        }
      }
      if !runs { continuation.resume(throwing: self.lost) }
    }
  }

  /// Sends a message on a stream; returns when all of it is on its way, for which it may have to wait
  /// for the peer's credit. Wakes with an error when the task is cancelled or the stream ends.
  func send(_ message: [UInt8], on stream: StreamID) async throws {
    let write = Self.nextWrite()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let runs = self.run { $0.send(message, on: stream, write: write, continuation) }
        if !runs { continuation.resume(throwing: self.lost) }
        // A cancellation that came before this point has met no write; one that comes later will.
        if Task.isCancelled { self.run { $0.cancelWrite(stream, write) } }
      }
    } onCancel: {
      self.run { $0.cancelWrite(stream, write) }
    }
  }

  /// Closes at once; every open stream ends as lost.
  func abort() {
    self.state.withLock { state in
      if !state.isClosed { self.channel.close(promise: nil) }
    }
  }

  /// Waits until the channel is closed.
  func closed() async {
    try? await self.channel.closeFuture.get()
  }
}
