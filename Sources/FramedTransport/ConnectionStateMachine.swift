internal import GRPCCore

/// One connection, seen from one side: what comes in and what the application wants goes in as
/// methods named after what happened, what is to be done comes out as ``ConnectionAction``s.
///
/// It knows no socket, clock or thread. Frames are handled in `ConnectionStateMachine+Frames.swift`,
/// the application's wishes in `ConnectionStateMachine+Calls.swift`.
package struct ConnectionStateMachine: Sendable {
  package typealias Role = StreamStateMachine.Role

  enum Phase: Sendable {
    /// The peer's preface is due.
    case opening
    case open
    /// ``ConnectionAction/close`` has been asked for; nothing more is read or sent.
    case closing
    case closed
  }

  let role: Role
  let messageLimits: FramedTransport.MessageLimits
  let maximumStreams: Int

  var phase = Phase.opening
  /// Client: streams that have not ended. Server: streams whose handler has not returned, too.
  var streams: [StreamID: StreamStateMachine] = [:]
  /// Streams with something to send, in the order of their turns.
  var turns: [StreamID] = []
  /// The highest stream the client has opened.
  var highest: StreamID = 0
  var hasSentGoAway = false
  var hasReceivedGoAway = false
  /// The `last_stream` of the last GO_AWAY, which the next one's does not exceed.
  private var lastStream: StreamID = .max
  /// Server: the client has ended its direction of the socket.
  var hasInputEnded = false
  /// Why no further stream is opened here, once that is so.
  package internal(set) var ending: ConnectionEnding?
  var actions: [ConnectionAction] = []

  /// - Parameters:
  ///   - messageLimits: Server: the limits on requests. Client: given with each call.
  ///   - maximumStreams: Server: how many calls may run at once, at least 1.
  package init(
    role: Role,
    messageLimits: FramedTransport.MessageLimits = .init(standard: 4 << 20),
    maximumStreams: Int = 128
  ) {
    self.role = role
    self.messageLimits = messageLimits
    self.maximumStreams = maximumStreams
  }

  // MARK: The connection's events

  /// The peer broke a rule, or may not be here: GO_AWAY, and the end of everything.
  package mutating func violated(_ violation: ProtocolViolation) -> [ConnectionAction] {
    self.violate(violation)
    return self.drainActions()
  }

  /// The socket has been closed by the peer, by an error or by us.
  ///
  /// - Parameter byUs: Whether this side closed it, because no preface came in time: who has not said it
  ///   may still read what it was sent.
  package mutating func connectionLost(
    _ message: String, byUs: Bool = false
  ) -> [ConnectionAction] {
    guard self.phase != .closed else { return [] }
    // A server says its preface before it reads: one that closed without it has read nothing.
    let isUnseen = self.phase == .opening && self.ending == nil && !byUs
    let ending =
      self.ending
      ?? ConnectionEnding(
        error: RPCError(code: .unavailable, message: message),
        allowsAnother: self.phase == .open || isUnseen)
    self.ending = ending
    self.phase = .closed
    self.endAll(ending.error, .connectionLost, isUnseen: isUnseen)
    return self.drainActions()
  }

  /// An orderly end: GO_AWAY now, and the connection closes when its last stream has ended.
  ///
  /// - Parameter message: Why, for a person.
  package mutating func beginShutdown(
    _ message: String = "shutting down"
  ) -> [ConnectionAction] {
    guard self.isAlive, !self.hasSentGoAway else { return [] }
    self.sayGoAway(.shutdown, message)
    self.closeIfDrained()
    return self.drainActions()
  }

  /// Server: the client has ended its direction of the socket (framing.md, section 8). What it has
  /// asked for wholly goes on; nobody can grant credit for it any more.
  package mutating func inputEnded() -> [ConnectionAction] {
    guard self.isAlive else { return [] }
    self.hasInputEnded = true
    let error = RPCError(
      code: .cancelled, message: "the client ended its side of the socket before HALF_CLOSE")
    for id in self.streams.keys.sorted() where self.streams[id]?.hasEnded == false {
      if self.streams[id]?.isHalfClosed == true {
        self.streams[id]?.queue.waiveCredit()
        self.scheduleTurn(id)
      } else {
        self.fail(id, error, .connectionLost)
      }
    }
    self.closeIfDrained()
    return self.drainActions()
  }

  // MARK: What is held

  /// Streams that have not been forgotten, and the bytes of requests they hold.
  package var load: ConnectionLoad {
    ConnectionLoad(
      streams: self.streams.count,
      heldBytes: self.streams.values.reduce(0) { $0 + $1.heldBytes })
  }

  /// Server: all connections together hold too much, and this one the most; its largest call ends.
  package mutating func shed() -> [ConnectionAction] {
    let largest = self.streams.values.max { $0.heldBytes < $1.heldBytes }
    guard let largest, largest.heldBytes > 0 else { return [] }
    let error = RPCError(
      code: .resourceExhausted,
      message: "the server holds as many unread requests as it can; this one held "
        + "\(largest.heldBytes) bytes")
    self.fail(largest.id, error, .inputLimit)
    return self.drainActions()
  }

  /// Server: the grace period has ended; what still runs is told to stop.
  package mutating func graceEnded() -> [ConnectionAction] {
    guard self.isAlive else { return [] }
    let error = RPCError(code: .unavailable, message: "the server is shutting down")
    for id in self.streams.keys.sorted() { self.fail(id, error, .shuttingDown) }
    self.closeIfDrained()
    return self.drainActions()
  }

  /// Whether ``takeTurn()`` has something to send.
  package var hasTurn: Bool { self.isAlive && !self.turns.isEmpty }

  /// Sends one fragment, HALF_CLOSE or STATUS of the next stream in turn. To be called while the
  /// socket takes more.
  package mutating func takeTurn() -> [ConnectionAction] {
    guard self.hasTurn else { return [] }
    let id = self.turns.removeFirst()
    self.streams[id]?.isInTurn = false
    switch self.streams[id]?.queue.next() {
    case .fragment(let payload, let write):
      self.actions.append(
        .send(Frame(.message, flags: write == nil ? [] : .last, stream: id, payload: payload)))
      if let write { self.actions.append(.completeWrite(write, nil)) }
    case .closing(.halfClose):
      self.actions.append(.send(Frame(.halfClose, stream: id)))
    case .closing(.status(let frame)):
      self.actions.append(.send(frame))
      self.end(id, Self.responseEnded)
      self.forgetIfDone(id)
    case nil:
      break
    }
    self.scheduleTurn(id)
    return self.drainActions()
  }

  // MARK: Shared by frames and calls

  var isAlive: Bool { self.phase == .opening || self.phase == .open }

  static let responseEnded = RPCError(
    code: .cancelled, message: "the server has ended the call")

  mutating func drainActions() -> [ConnectionAction] {
    defer { self.actions = [] }
    return self.actions
  }

  /// Gives a stream a turn if it has something to send and none yet.
  mutating func scheduleTurn(_ id: StreamID) {
    guard self.streams[id]?.wantsTurn == true else { return }
    self.streams[id]?.isInTurn = true
    self.turns.append(id)
  }

  /// Ends a stream on this side: writers and reader are told. Nothing is sent.
  ///
  /// - Parameters:
  ///   - readerIsDone: The reader has been handed the status and needs no error.
  ///   - isUnseen: Client: the server has not seen the call, unless it has said something of it.
  mutating func end(
    _ id: StreamID, _ error: RPCError, readerIsDone: Bool = false, isUnseen: Bool = false
  ) {
    if isUnseen, let messages = self.streams[id]?.queue.unseen {
      self.actions.append(.unseen(id, UnseenCall(messages: messages, error: error)))
    }
    guard let writes = self.streams[id]?.end(error) else { return }
    for write in writes { self.actions.append(.completeWrite(write, error)) }
    self.turns.removeAll { $0 == id }
    self.streams[id]?.isInTurn = false
    self.actions.append(.finish(id, readerIsDone ? nil : error))
  }

  /// Ends a stream because of an error of this side or of the peer, and says so to the peer.
  mutating func fail(_ id: StreamID, _ error: RPCError, _ cause: CancellationCause) {
    guard self.streams[id]?.hasEnded == false else { return }
    switch self.role {
    case .client:
      self.actions.append(.send(.cancel(error.code, stream: id)))
      self.end(id, error)
      self.forget(id)
    case .server:
      self.actions.append(.send(.status(Status(error), error.metadata, stream: id)))
      // The handler's writes fail next: it must find the cause when it looks for one.
      if self.streams[id]?.hasReturned == false {
        self.actions.append(.cancelHandler(id, cause))
      }
      self.end(id, error)
      self.forgetIfDone(id)
    }
  }

  /// Server: forgets a stream that has ended and whose handler has returned.
  mutating func forgetIfDone(_ id: StreamID) {
    guard self.streams[id]?.hasEnded == true else { return }
    if self.streams[id]?.hasReturned == true { self.forget(id) }
    self.closeIfDrained()
  }

  mutating func forget(_ id: StreamID) {
    guard self.streams.removeValue(forKey: id) != nil else { return }
    self.actions.append(.forget(id))
    self.closeIfDrained()
  }

  /// The connection closes when one side is going and no stream is left.
  mutating func closeIfDrained() {
    guard self.isAlive, self.streams.values.allSatisfy(\.hasEnded) else { return }
    guard
      self.hasSentGoAway || self.hasInputEnded || (self.role == .client && self.hasReceivedGoAway)
    else { return }
    self.phase = .closing
    self.actions.append(.close)
  }

  private mutating func sayGoAway(_ reason: GoAwayPayload.Reason, _ message: String) {
    self.hasSentGoAway = true
    self.lastStream = self.role == .server ? min(self.lastStream, self.highest) : 0
    self.actions.append(
      .send(.goAway(lastStream: self.lastStream, reason: reason, message: message)))
  }

  mutating func violate(_ violation: ProtocolViolation) {
    guard self.isAlive else { return }
    self.sayGoAway(GoAwayPayload.Reason(violation.reason), violation.message)
    self.phase = .closing
    let error = RPCError(
      code: violation.reason == .permissionDenied ? .permissionDenied : .unavailable,
      message: "the connection was ended because the peer broke a rule: \(violation.message)")
    self.ending = ConnectionEnding(error: error, allowsAnother: false)
    self.endAll(error, .connectionLost)
    self.actions.append(.close)
  }

  /// Ends every stream without a word to the peer.
  mutating func endAll(
    _ error: RPCError, _ cause: CancellationCause, isUnseen: Bool = false
  ) {
    if self.role == .client { self.actions.append(.retire) }
    for id in self.streams.keys.sorted() {
      guard let stream = self.streams[id] else { continue }
      if !stream.hasEnded {
        if self.role == .server && !stream.hasReturned {
          self.actions.append(.cancelHandler(id, cause))
        }
        self.end(id, error, isUnseen: isUnseen)
      }
      if self.role == .client || stream.hasReturned { self.forget(id) }
    }
    self.turns = []
  }
}
