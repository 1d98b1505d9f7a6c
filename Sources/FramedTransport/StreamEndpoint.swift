internal import GRPCCore
internal import Synchronization

/// One call as the tasks that read and write it see it.
final class StreamEndpoint: Sendable {
  private struct State {
    var link: ConnectionLink
    var stream: StreamID?
    /// Why the call can no longer be used, once it cannot.
    var end: RPCError?
    var cancellation: ServerContext.RPCCancellationHandle?
    var cause: CancellationCause?
    var deadline: ContinuousClock.Instant?
  }

  let inbound = InboundBuffer()
  private let role: StreamStateMachine.Role
  private let state: Mutex<State>

  /// - Parameter stream: The stream, where it is open already.
  init(link: ConnectionLink, role: StreamStateMachine.Role, stream: StreamID? = nil) {
    self.role = role
    self.state = Mutex(State(link: link, stream: stream))
  }

  var link: ConnectionLink { self.state.withLock(\.link) }

  /// The stream's number, once it has been opened.
  var stream: StreamID? { self.state.withLock(\.stream) }

  /// Does something about the stream on the event loop, if there is one and it has not been closed.
  private func tell(_ body: @escaping @Sendable (ConnectionHandler, StreamID) -> Void) {
    let stream = self.state.withLock { $0.end == nil ? $0.stream : nil }
    guard let stream else { return }
    self.link.run { body($0, stream) }
  }

  /// The stream, or why it cannot be written to.
  func writable() throws(RPCError) -> StreamID {
    let (stream, end) = self.state.withLock { ($0.stream, $0.end) }
    if let end { throw end }
    guard let stream else {
      throw RPCError(
        code: .internalError, message: "a message was written before the request's metadata")
    }
    return stream
  }

  /// The next part that came in; nil at the regular end, an `RPCError` at any other.
  ///
  /// A cancelled task gets `cancelled`; a client's call is cancelled with it.
  func next() async throws -> InboundPart? {
    let part: InboundPart?
    if let ready = self.inbound.poll() {
      part = try ready.get()
    } else {
      self.tell { $0.messageAwaited($1) }
      part = try await self.inbound.wait {
        if self.role == .client { self.cancel(InboundBuffer.cancelled) }
      }
    }
    if case .message = part { self.tell { $0.messageTaken($1) } }
    return part
  }

  // MARK: Client

  /// When the call's deadline passes, if it has one.
  var deadline: ContinuousClock.Instant? {
    get { self.state.withLock(\.deadline) }
    set { self.state.withLock { $0.deadline = newValue } }
  }

  /// No stream could be opened on the connection there was; it is to be opened on this one.
  func move(to link: ConnectionLink) {
    self.state.withLock { $0.link = link }
  }

  /// Event loop: the stream is open. False if the call has been given up meanwhile.
  func opened(_ stream: StreamID) -> Bool {
    self.state.withLock { state in
      state.stream = stream
      return state.end == nil
    }
  }

  /// Nothing more is sent; the server is told.
  func halfClose() {
    self.tell { $0.halfClose($1) }
  }

  /// The call is given up: CANCEL is sent, unless it has ended, and the reader sees `error` unless it
  /// has a status already.
  ///
  /// GRPCCore keeps deadlines by cancelling the call's task, usually a moment before this transport's
  /// timer ends: the server should hear of a deadline then, not of somebody who lost interest.
  func cancel(_ error: RPCError) {
    let call = self.state.withLock { state -> (StreamID?, ContinuousClock.Instant?)? in
      guard state.end == nil else { return nil }
      state.end = error
      return (state.stream, state.deadline)
    }
    guard let (stream, deadline) = call else { return }
    let isLate = deadline.map { $0 - Self.deadlineSlack <= .now } ?? false
    let reason =
      isLate && error.code == .cancelled ? ConnectionStateMachine.deadlineExceeded : error
    if let stream {
      self.link.run { $0.cancel(stream, reason) }
    } else {
      self.inbound.finish(reason)
    }
  }

  private static let deadlineSlack = Duration.milliseconds(20)

  // MARK: Server

  /// The handler runs, with this handle to tell it to stop.
  func attach(_ handle: ServerContext.RPCCancellationHandle) {
    let isCancelled = self.state.withLock { state in
      state.cancellation = handle
      return state.cause != nil
    }
    if isCancelled { handle.cancel() }
  }

  /// Tells the handler to stop. The handler's own reactions run in a task, not on the event loop.
  func cancelHandler(_ cause: CancellationCause) {
    let handle = self.state.withLock { state in
      if state.cause == nil { state.cause = cause }
      return state.cancellation
    }
    guard let handle else { return }
    Task { handle.cancel() }
  }

  /// Why the handler was told to stop, if it was.
  var cause: CancellationCause? { self.state.withLock(\.cause) }

  /// The handler has returned: nothing it left behind can be written any more.
  func handlerReturned() {
    let stream = self.state.withLock { state in
      state.end = ConnectionStateMachine.responseEnded
      return state.stream
    }
    if let stream { self.link.run { $0.handlerReturned(stream) } }
  }
}
