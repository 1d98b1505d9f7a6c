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

  private var phase = Phase.notStarted
  private var links: [ObjectIdentifier: ConnectionLink] = [:]
  private var calls = 0
  private var drained: AsyncStream<Void>.Continuation?

  // MARK: Starting and ending

  mutating func start(drained: AsyncStream<Void>.Continuation) throws(RPCError) {
    guard case .notStarted = self.phase else {
      throw RPCError(code: .failedPrecondition, message: "a server listens only once")
    }
    self.phase = .starting
    self.drained = drained
  }

  /// The listening channel is there. False if a shutdown has begun meanwhile.
  mutating func listening(_ channel: any Channel) -> Bool {
    guard case .starting = self.phase else { return false }
    self.phase = .listening(channel)
    return true
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
    return Shutdown(listener: listener, links: self.connections)
  }

  /// `listen` is over.
  mutating func ended() {
    self.phase = .ended
  }

  var connections: [ConnectionLink] { Array(self.links.values) }

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

  /// A client has connected. Nil if it may stay.
  mutating func opened(_ link: ConnectionLink, maximum: Int) -> ProtocolViolation? {
    guard self.links.count < maximum else {
      return ProtocolViolation(.overloaded, "\(maximum) connections are open; no more are taken")
    }
    self.links[ObjectIdentifier(link)] = link
    return nil
  }

  mutating func closed(_ link: ConnectionLink) {
    self.links[ObjectIdentifier(link)] = nil
  }

  /// A call begins. False if none is taken any more.
  mutating func callBegan() -> Bool {
    switch self.phase {
    case .starting, .listening: break
    case .notStarted, .draining, .ended: return false
    }
    self.calls += 1
    return true
  }

  mutating func callEnded() {
    self.calls -= 1
    self.finishIfDrained()
  }

  var activity: FramedTransport.Server.Activity {
    FramedTransport.Server.Activity(connections: self.links.count, calls: self.calls)
  }
}
