internal import GRPCCore
internal import NIOCore

/// What ``FramedTransport/Server`` knows, in one place: its phase, its connections, and what runs.
struct ServerState {
  private enum Phase {
    case notStarted
    case starting
    case listening(any Channel)
    /// No new calls; ends when the last one has, or with the grace period.
    case draining
    case ended
  }

  private struct Connection {
    var link: ConnectionLink
    var load = ConnectionLoad()
    /// Since when it has had no stream.
    var idleSince = ContinuousClock.now
  }

  private var phase = Phase.notStarted
  /// The listening channel that the shutdown closes.
  private(set) var closing: (any Channel)?
  private var connections: [ObjectIdentifier: Connection] = [:]
  /// Connections that are about to close; they do not count any more.
  private var leaving: [ObjectIdentifier: ConnectionLink] = [:]
  /// Bytes of requests that all connections hold.
  private var heldBytes = 0
  private var calls = 0
  private var callsBegun: UInt64 = 0
  private var drained: AsyncStream<Void>.Continuation?

  // MARK: Starting and ending

  mutating func start(drained: AsyncStream<Void>.Continuation) throws(RPCError) {
    guard case .notStarted = self.phase else {
      throw RPCError(code: .failedPrecondition, message: "a server listens only once")
    }
    self.phase = .starting
    self.drained = drained
  }

  /// A listening channel is there. Returns the one to close: that before it, or itself if a shutdown has
  /// begun meanwhile.
  mutating func listening(_ channel: any Channel) -> (any Channel)? {
    switch self.phase {
    case .starting:
      self.phase = .listening(channel)
      return nil
    case .listening(let before):
      self.phase = .listening(channel)
      return before
    case .notStarted, .draining, .ended:
      return channel
    }
  }

  var isListening: Bool {
    if case .listening = self.phase { true } else { false }
  }

  struct Shutdown {
    var listener: (any Channel)?
    var links: [ConnectionLink]
  }

  /// No new connections and calls. Nil if that has begun before.
  mutating func beginShutdown() -> Shutdown? {
    let listener: (any Channel)?
    switch self.phase {
    case .draining, .ended: return nil
    case .notStarted, .starting: listener = nil
    case .listening(let channel): listener = channel
    }
    self.phase = .draining
    self.closing = listener
    return Shutdown(listener: listener, links: self.links)
  }

  /// `listen` is over.
  mutating func ended() {
    self.phase = .ended
  }

  /// Every connection that is open, whether it is about to close or not.
  var links: [ConnectionLink] {
    self.connections.values.map(\.link) + Array(self.leaving.values)
  }

  private var isStarting: Bool {
    if case .starting = self.phase { true } else { false }
  }

  private var isDraining: Bool {
    if case .draining = self.phase { true } else { false }
  }

  /// Lets `listen` end if no call runs. Comes after ``beginShutdown()``, when what that returned has been
  /// told, since the event loop ends with `listen`.
  func finishIfDrained() {
    if self.isDraining, self.calls == 0 { self.drained?.finish() }
  }

  /// The grace period has ended: nobody waits for the last call any more.
  func graceEnded() {
    self.drained?.finish()
  }

  // MARK: Connections and calls

  /// What becomes of a client that has connected.
  enum Admission {
    case welcome
    /// It may stay, and this one, the longest without a stream, goes.
    case insteadOf(ConnectionLink)
    /// The server is about to end.
    case tooLate
    case refused(ProtocolViolation)
  }

  mutating func opened(_ link: ConnectionLink, maximum: Int) -> Admission {
    var admission = Admission.welcome
    if self.connections.count >= maximum {
      let idle = self.connections.values.filter { $0.load.streams == 0 }
      guard let oldest = idle.min(by: { $0.idleSince < $1.idleSince })?.link else {
        return .refused(
          ProtocolViolation(
            .overloaded, "\(maximum) connections with calls are open, which is the limit"))
      }
      _ = self.leaves(oldest, atMost: .max)
      admission = .insteadOf(oldest)
    }
    self.connections[ObjectIdentifier(link)] = Connection(link: link)
    return self.isListening || self.isStarting ? admission : .tooLate
  }

  /// A connection's load has changed. Returns the one that holds the most, if all hold more than
  /// `maximum` bytes together.
  mutating func loaded(
    _ link: ConnectionLink, _ load: ConnectionLoad, maximum: Int
  ) -> ConnectionLink? {
    guard let before = self.connections[ObjectIdentifier(link)]?.load else { return nil }
    self.heldBytes += load.heldBytes - before.heldBytes
    self.connections[ObjectIdentifier(link)]?.load = load
    if load.streams == 0, before.streams > 0 {
      self.connections[ObjectIdentifier(link)]?.idleSince = .now
    }
    guard self.heldBytes > maximum else { return nil }
    return self.connections.values.max { $0.load.heldBytes < $1.load.heldBytes }?.link
  }

  /// A connection is about to close. False if too many are already for it to wait for its peer.
  mutating func leaves(_ link: ConnectionLink, atMost maximum: Int) -> Bool {
    if let connection = self.connections.removeValue(forKey: ObjectIdentifier(link)) {
      self.heldBytes -= connection.load.heldBytes
    }
    self.leaving[ObjectIdentifier(link)] = link
    return self.leaving.count <= maximum
  }

  mutating func closed(_ link: ConnectionLink) {
    _ = self.leaves(link, atMost: .max)
    self.leaving[ObjectIdentifier(link)] = nil
  }

  /// A call begins. False if none is taken any more.
  mutating func callBegan() -> Bool {
    switch self.phase {
    case .starting, .listening: break
    case .notStarted, .draining, .ended: return false
    }
    self.calls += 1
    self.callsBegun += 1
    return true
  }

  mutating func callEnded() {
    self.calls -= 1
    self.finishIfDrained()
  }

  var activity: FramedTransport.Server.Activity {
    FramedTransport.Server.Activity(
      connections: self.connections.count, calls: self.calls, callsBegun: self.callsBegun)
  }
}
