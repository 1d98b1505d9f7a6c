internal import GRPCCore

/// What ``FramedTransport/Client`` knows, in one place: its phase, its connection, and who waits for one.
struct ClientState {
  typealias Waiter = CheckedContinuation<ConnectionLink, any Error>

  private enum Phase {
    case notStarted
    case running
    /// No new calls; ends when the last one has.
    case ending
    case ended
  }

  private enum Connection {
    case none
    case connecting
    case ready(ConnectionLink)
  }

  private struct Waiting {
    var waiter: Waiter
    var waitsForReady: Bool
    /// It came while an attempt was being made, whose failure says nothing about its own moment.
    var missedAttempt = false
  }

  private var phase = Phase.notStarted
  private var connection = Connection.none
  private var waiting: [UInt64: Waiting] = [:]
  private var live: [ObjectIdentifier: ConnectionLink] = [:]
  private var calls = 0
  private var drained: CheckedContinuation<Void, Never>?

  static let closed = RPCError(
    code: .failedPrecondition, message: "the client is closing or closed: it opens no new calls")

  // MARK: Starting and ending

  /// `connect()` was called.
  mutating func start() throws(RPCError) {
    switch self.phase {
    case .notStarted:
      self.phase = .running
    case .running, .ending, .ended:
      throw RPCError(code: .failedPrecondition, message: "a client connects only once")
    }
  }

  /// No new calls. Returns those that wait for a connection and get none.
  mutating func beginShutdown() -> [Waiter] {
    switch self.phase {
    case .notStarted: self.phase = .ended
    case .running: self.phase = .ending
    case .ending, .ended: return []
    }
    let waiters = self.waiting.values.map(\.waiter)
    self.waiting = [:]
    return waiters
  }

  /// Every connection that is open, to be closed.
  var connections: [ConnectionLink] { Array(self.live.values) }

  /// `connect()` waits for the last call. True if there is none.
  mutating func awaitDrained(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
    guard self.calls > 0 else { return true }
    self.drained = continuation
    return false
  }

  // MARK: Calls

  enum Begin {
    case use(ConnectionLink)
    /// Wait; the connection has to be asked for if `mustConnect`.
    case wait(mustConnect: Bool)
    case refuse(RPCError)
  }

  /// A call wants a connection.
  mutating func beginCall(_ id: UInt64, _ waiter: Waiter, waitsForReady: Bool) -> Begin {
    switch self.phase {
    case .ending, .ended:
      return .refuse(Self.closed)
    case .notStarted:
      self.waiting[id] = Waiting(waiter: waiter, waitsForReady: waitsForReady)
      return .wait(mustConnect: false)
    case .running:
      if case .ready(let link) = self.connection {
        self.calls += 1
        return .use(link)
      }
      var isConnecting = false
      if case .connecting = self.connection { isConnecting = true }
      self.waiting[id] = Waiting(
        waiter: waiter, waitsForReady: waitsForReady, missedAttempt: isConnecting)
      return .wait(mustConnect: !isConnecting)
    }
  }

  /// A call that waited has been given up.
  mutating func giveUp(_ id: UInt64) -> Waiter? {
    self.waiting.removeValue(forKey: id)?.waiter
  }

  /// Returns whom to tell that it was the last one.
  mutating func callEnded() -> CheckedContinuation<Void, Never>? {
    self.calls -= 1
    return self.calls == 0 ? self.drained.take() : nil
  }

  // MARK: Connections

  /// Whether to make a connection now.
  mutating func beginConnecting() -> Bool {
    guard self.phase == .running, case .none = self.connection else { return false }
    self.connection = .connecting
    return true
  }

  /// A connection is there. Returns the calls that use it.
  mutating func connected(_ link: ConnectionLink) -> [Waiter] {
    guard case .connecting = self.connection else { return [] }
    // It may have been retired before it was known here; then the calls find out why.
    self.connection = link.ending == nil ? .ready(link) : .none
    let waiters = self.waiting.values.map(\.waiter)
    self.waiting = [:]
    self.calls += waiters.count
    return waiters
  }

  enum Retry {
    case none
    case now
    case later
  }

  /// No connection could be made. Returns the calls that fail with it, and when to try again for others.
  mutating func connectFailed() -> (failed: [Waiter], retry: Retry) {
    self.connection = .none
    let failed = self.waiting.filter { !$0.value.waitsForReady && !$0.value.missedAttempt }
    for id in failed.keys { self.waiting[id] = nil }
    var retry: Retry = self.waiting.isEmpty ? .none : .later
    for id in self.waiting.keys where self.waiting[id]?.missedAttempt == true {
      self.waiting[id]?.missedAttempt = false
      retry = .now
    }
    return (failed.values.map(\.waiter), retry)
  }

  /// Event loop: a channel has become active.
  mutating func opened(_ link: ConnectionLink) {
    self.live[ObjectIdentifier(link)] = link
  }

  /// A connection takes no new streams.
  mutating func retired(_ link: ConnectionLink) {
    if case .ready(let current) = self.connection, current === link { self.connection = .none }
  }

  mutating func closed(_ link: ConnectionLink) {
    self.live[ObjectIdentifier(link)] = nil
    self.retired(link)
  }
}
