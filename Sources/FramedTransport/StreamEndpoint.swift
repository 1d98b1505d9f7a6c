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
    /// Client: as the application gave it.
    var metadata = Metadata()
    /// Client: the server never saw the call on the connection it had, and it is about to get another one.
    var isBetween = false
    /// Client: those who want to write meanwhile.
    var writers: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextWriter: UInt64 = 0
    /// The writer has written all.
    var isComplete = false

    mutating func takeWriters() -> [CheckedContinuation<Void, Never>] {
      defer { self.writers = [:] }
      return Array(self.writers.values)
    }
  }

  let inbound = InboundBuffer()
  private let role: StreamStateMachine.Role
  private let whenUnseen: AsyncStream<UnseenCall>.Continuation?
  private let state: Mutex<State>

  /// - Parameters:
  ///   - stream: The stream, where it is open already.
  ///   - whenUnseen: Client: whoever makes a call again that the server has never seen.
  init(
    link: ConnectionLink, role: StreamStateMachine.Role, stream: StreamID? = nil,
    whenUnseen: AsyncStream<UnseenCall>.Continuation? = nil
  ) {
    self.role = role
    self.whenUnseen = whenUnseen
    self.state = Mutex(State(link: link, stream: stream))
  }

  var link: ConnectionLink { self.state.withLock(\.link) }

  /// Does something about the stream on the event loop, if there is one and it has not been closed.
  private func tell(_ body: @escaping @Sendable (ConnectionHandler, StreamID) -> Void) {
    let (link, stream) = self.state.withLock { ($0.link, $0.end == nil ? $0.stream : nil) }
    guard let stream else { return }
    link.run { body($0, stream) }
  }

  /// The stream and its connection, or why it cannot be written to.
  func writable() throws(RPCError) -> (link: ConnectionLink, stream: StreamID) {
    let (link, stream, end) = self.state.withLock { ($0.link, $0.stream, $0.end) }
    if let end { throw end }
    guard let stream else {
      throw RPCError(
        code: .internalError, message: "a message was written before the request's metadata")
    }
    return (link, stream)
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

  /// The call's metadata as the application gave it, once it has.
  var metadata: Metadata {
    get { self.state.withLock(\.metadata) }
    set { self.state.withLock { $0.metadata = newValue } }
  }

  /// No stream could be opened on the connection there was; it is to be opened on this one.
  func move(to link: ConnectionLink) {
    self.state.withLock { $0.link = link }
  }

  /// Event loop: the stream is open. What is written from now on reaches it after this turn of the loop.
  ///
  /// - Returns: Whether the call has not been given up meanwhile, and whether its writer has written all.
  func opened(_ stream: StreamID) -> (isWanted: Bool, isComplete: Bool) {
    let (call, writers) = self.state.withLock { state in
      state.stream = stream
      state.isBetween = false
      return ((state.end == nil, state.isComplete), state.takeWriters())
    }
    for writer in writers { writer.resume() }
    return call
  }

  /// Event loop: the server has never seen the call.
  ///
  /// - Returns: Whether it will be made again on another connection. Then this one must not end it.
  func wasUnseen(_ call: UnseenCall) -> Bool {
    guard let whenUnseen = self.whenUnseen else { return false }
    let isMadeAgain = self.state.withLock { state in
      guard state.end == nil else { return false }
      state.stream = nil
      state.isBetween = true
      return true
    }
    if isMadeAgain { whenUnseen.yield(call) }
    return isMadeAgain
  }

  /// Sends a message on the call's stream, and on the next one if the server has never seen this one's.
  /// Returns when all of it is on its way.
  func send(_ message: [UInt8]) async throws {
    while true {
      try await self.settled()
      let before = self.link
      do {
        let (link, stream) = try self.writable()
        return try await link.send(message, on: stream)
      } catch {
        // That the call was unseen is known before its writers get their errors.
        let hasMoved = self.state.withLock { state in
          state.end == nil && (state.isBetween || state.link !== before)
        }
        guard hasMoved else { throw error }
      }
    }
  }

  /// Waits while the call is between two connections, which is so once at most.
  private func settled() async throws {
    let id = self.state.withLock { state -> UInt64? in
      guard state.isBetween, state.end == nil else { return nil }
      state.nextWriter += 1
      return state.nextWriter
    }
    guard let id else { return }
    await withTaskCancellationHandler {
      await withCheckedContinuation { writer in
        let isSettled = self.state.withLock { state in
          guard state.isBetween, state.end == nil, !Task.isCancelled else { return true }
          state.writers[id] = writer
          return false
        }
        if isSettled { writer.resume() }
      }
    } onCancel: {
      self.state.withLock { $0.writers.removeValue(forKey: id) }?.resume()
    }
    if Task.isCancelled, self.state.withLock(\.isBetween) { throw Self.writerCancelled }
  }

  private static let writerCancelled = RPCError(
    code: .cancelled, message: "the task that wrote was cancelled")

  /// Nothing more is sent; the server is told.
  func halfClose() {
    // A stream that is opened after this finds it.
    self.state.withLock { $0.isComplete = true }
    self.tell { $0.halfClose($1) }
  }

  /// The call is given up: CANCEL is sent, unless it has ended, and the reader sees `error` unless it
  /// has a status already.
  ///
  /// GRPCCore keeps deadlines by cancelling the call's task, usually a moment before this transport's
  /// timer ends: the server should hear of a deadline then, not of somebody who lost interest.
  func cancel(_ error: RPCError) {
    let call = self.state.withLock { state -> State? in
      guard state.end == nil else { return nil }
      state.end = error
      let call = state
      state.writers = [:]
      return call
    }
    guard var call else { return }
    for writer in call.takeWriters() { writer.resume() }
    let isLate = call.deadline.map { $0 - Self.deadlineSlack <= .now } ?? false
    let reason =
      isLate && error.code == .cancelled ? ConnectionStateMachine.deadlineExceeded : error
    if let stream = call.stream {
      call.link.run { $0.cancel(stream, reason) }
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
