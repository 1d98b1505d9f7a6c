package import GRPCCore
package import NIOCore

/// One call on one connection, seen from one side (framing.md, section 3): which frames may come and
/// go, messages put together from fragments, and credit in both directions.
///
/// It throws what only this stream is to blame for; ``ConnectionStateMachine`` turns that into a
/// status.
package struct StreamStateMachine: Sendable {
  package enum Role: Hashable, Sendable {
    case client
    case server
  }

  private enum Direction: Sendable {
    /// HEADERS come first.
    case headersDue
    case open
    /// No message comes after.
    case closed
  }

  package let id: StreamID
  private let role: Role
  /// The most bytes a received message may have.
  private let messageLimit: Int

  private var receiving: Direction
  private var sending: Direction
  private var assembly: [UInt8] = []
  private var isInMessage = false
  /// What each of the messages counts that are complete and not taken, in order.
  private var unread = CircularBuffer<Int>()
  private var unreadBytes = 0
  /// Bytes of the HEADERS that opened it.
  private let headersBytes: Int
  /// A message was given up half sent, so that the call can no longer end well.
  private var isMaimed = false
  /// Server: STATUS OK waits behind messages, or has gone.
  private var hasQueuedOK = false
  package var window = ReceiveWindow()
  package var queue = SendQueue()

  /// Why the stream has ended, if it has.
  package private(set) var end: RPCError?
  /// Server: the handler has returned.
  package var hasReturned = false
  /// Whether it stands in the connection's list of streams with something to send.
  package var isInTurn = false

  /// - Parameters:
  ///   - messageLimit: The most bytes a received message may have.
  ///   - headersBytes: Server: the size of the payload of the client's HEADERS.
  package init(id: StreamID, role: Role, messageLimit: Int, headersBytes: Int = 0) {
    self.id = id
    self.headersBytes = headersBytes
    self.role = role
    self.messageLimit = messageLimit
    self.receiving = role == .client ? .headersDue : .open
    self.sending = role == .client ? .open : .headersDue
  }

  package var hasEnded: Bool { self.end != nil }

  /// Whether it has something to send and stands in no list yet.
  package var wantsTurn: Bool { !self.isInTurn && !self.hasEnded && self.queue.isReady }

  /// Whether more messages of the peer may come, so that credit is worth returning.
  package var mayReceive: Bool { !self.hasEnded && self.receiving != .closed }

  /// What a message that has not been taken counts at least: about what it takes here besides its bytes. On its
  /// first credit alone a client may send 262,144 without any.
  package static let leastHeld = 128

  /// Bytes that have come in and are held here: HEADERS, the incomplete message, and those that the
  /// application has not taken, each of which counts at least ``leastHeld``.
  package var heldBytes: Int {
    self.hasEnded ? 0 : self.headersBytes + self.assembly.count + self.unreadBytes
  }

  /// Server: whether the client has said that it sends no further message.
  package var isHalfClosed: Bool { self.receiving == .closed }

  // MARK: Received

  /// Client: the server's HEADERS.
  package mutating func receiveHeaders() throws(RPCError) {
    guard self.receiving == .headersDue else {
      throw Self.fault("HEADERS came twice")
    }
    self.receiving = .open
  }

  /// A fragment came; the message, if that completes one.
  package mutating func receive(
    fragment: ByteBuffer, isLast: Bool
  ) throws(RPCError) -> [UInt8]? {
    switch self.receiving {
    case .headersDue: throw Self.fault("a message came before HEADERS")
    case .closed: throw Self.fault("a message came after HALF_CLOSE")
    case .open: break
    }
    let size = fragment.readableBytes
    guard size > 0 || isLast else {
      throw Self.fault("an empty fragment did not end its message")
    }
    guard
      self.window.receive(cost: ReceiveWindow.cost(ofFragment: size), isLast: isLast)
    else {
      throw Self.fault(
        "a fragment of \(size) bytes came on a credit of \(self.window.credit)")
    }
    guard size <= self.messageLimit - self.assembly.count else {
      throw RPCError(
        code: .resourceExhausted,
        message: "a message is larger than the \(self.messageLimit) bytes this method takes")
    }
    self.isInMessage = !isLast
    self.assembly.append(contentsOf: fragment.readableBytesView)
    guard isLast else { return nil }
    defer { self.assembly = [] }
    let held = max(self.assembly.count, Self.leastHeld)
    self.unread.append(held)
    self.unreadBytes += held
    return self.assembly
  }

  /// The application took the oldest message.
  package mutating func take() {
    self.window.take()
    self.unreadBytes -= self.unread.popFirst() ?? 0
  }

  /// Server: the client sends no more.
  package mutating func receiveHalfClose() throws(RPCError) {
    guard self.receiving == .open else { throw Self.fault("HALF_CLOSE came twice") }
    guard !self.isInMessage else { throw Self.fault("HALF_CLOSE came inside a message") }
    self.receiving = .closed
  }

  /// Client: STATUS came.
  package func checkStatus(isOK: Bool) throws(RPCError) {
    if isOK && self.isInMessage { throw Self.fault("STATUS OK came inside a message") }
  }

  package mutating func receive(credit: UInt32) throws(RPCError) {
    guard credit > 0, self.queue.grant(Int(credit)) else {
      throw Self.fault(
        "CREDIT of \(credit) came on a credit of \(self.queue.credit); "
          + "it must be 1 or more, and at most \(SendQueue.maximumCredit) in all")
    }
  }

  // MARK: Sent

  /// Server: HEADERS go out now.
  package mutating func sendHeaders() throws(RPCError) {
    if let end = self.end { throw end }
    guard self.sending == .headersDue else {
      throw RPCError(code: .internalError, message: "the response's metadata was written twice")
    }
    self.sending = .open
  }

  /// Puts a message into the queue.
  package mutating func send(_ message: [UInt8], write: WriteID) throws(RPCError) {
    if let end = self.end { throw end }
    switch self.sending {
    case .headersDue:
      throw RPCError(
        code: .internalError, message: "a message was written before the response's metadata")
    case .closed:
      throw RPCError(code: .internalError, message: "a message was written after the last one")
    case .open:
      guard !self.isMaimed else { throw Self.maimed }
      self.queue.append(message, write: write)
    }
  }

  /// Gives up a write. True if a part of it has gone, after which no message can follow.
  package mutating func cancel(_ write: WriteID) -> SendQueue.Cancelled {
    let cancelled = self.queue.cancel(write)
    if cancelled == .halfSent {
      self.isMaimed = true
      // OK may wait behind the message already; it must not follow a part of one.
      if self.hasQueuedOK {
        self.queue.replaceStatus(Frame.status(Status(Self.maimed), stream: self.id))
      }
    }
    return cancelled
  }

  /// After a message was given up half sent: those that waited behind it would be read as its rest.
  /// Their writers, and why.
  package mutating func dropMessages() -> (writes: [WriteID], error: RPCError) {
    (self.queue.removeMessages(), Self.maimed)
  }

  /// Client: HALF_CLOSE goes out after what waits. False if nothing is left to close.
  package mutating func halfClose() -> Bool {
    guard !self.hasEnded, self.sending == .open else { return false }
    self.sending = .closed
    self.queue.close(.halfClose)
    return true
  }

  /// Server: STATUS goes out after what waits. False if there has been one.
  package mutating func sendStatus(_ status: Status, _ metadata: Metadata) -> Bool {
    guard !self.hasEnded, self.sending != .closed else { return false }
    self.sending = .closed
    let isBroken = self.isMaimed && status.code == .ok
    self.hasQueuedOK = status.code == .ok
    let frame =
      isBroken
      ? Frame.status(Status(Self.maimed), stream: self.id)
      : Frame.status(status, metadata, stream: self.id)
    self.queue.close(.status(frame))
    return true
  }

  /// Server: whether a STATUS waits in the queue or has gone.
  package var hasStatus: Bool { self.hasEnded || self.sending == .closed }

  // MARK: Ended

  /// Ends the stream; the writers that still waited.
  package mutating func end(_ error: RPCError) -> [WriteID] {
    guard !self.hasEnded else { return [] }
    self.end = error
    self.receiving = .closed
    self.assembly = []
    self.unread = []
    self.unreadBytes = 0
    return self.queue.removeAll()
  }

  private static func fault(_ message: String) -> RPCError {
    RPCError(code: .internalError, message: message)
  }

  private static let maimed = RPCError(
    code: .cancelled, message: "a message was given up after a part of it had been sent")
}
