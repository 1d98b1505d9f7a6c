import ConversationAudit
import FramedTransport
import GRPCCore
import NIOCore

/// A client and a server, each a ``ConnectionStateMachine`` with an application, and the network between
/// them, driven by one seed: bytes come late and in pieces, timers run off, tasks give up, either side
/// shuts down, the connection breaks.
///
/// Promised at the end of each schedule: all that both sides did is allowed (``ConnectionAudit``); every
/// call has ended once on each side, and every write has been told of; messages came whole and in
/// order; a call that ended as OK has had all of them; the server has not begun a call that its client was
/// told it never saw.
struct Simulation {
  struct Counts: Equatable {
    var steps: UInt64 = 0
    var calls = 0
    var messages = 0
    var ok = 0
    var cancelled = 0
    var expired = 0
    var lost = 0
    var shutdowns = 0
    var waitsForCredit = 0
    var unseen = 0

    mutating func add(_ other: Counts) {
      self.steps += other.steps
      self.calls += other.calls
      self.messages += other.messages
      self.ok += other.ok
      self.cancelled += other.cancelled
      self.expired += other.expired
      self.lost += other.lost
      self.shutdowns += other.shutdowns
      self.waitsForCredit += other.waitsForCredit
      self.unseen += other.unseen
    }
  }

  /// A call as one side's application knows it.
  private struct Call {
    /// Sizes of the messages that were handed to the machine, and of those that came.
    var sent: [Int] = []
    var received: [Int] = []
    /// A write was given up: which messages have gone is not known here.
    var isUnsure = false
    /// Writes that wait.
    var writes: Set<WriteID> = []
    var unread = 0
    var isAwaiting = false
    var hasHalfClosed = false
    var requestsEnded = false
    var hasHeaders = false
    var hasStatus = false
    var isOver = false
    var status: Status.Code?
    var error: RPCError?
    /// Client: the server never saw it, and these messages had gone whole.
    var unseen: [Int]?
    var wasTold = false
    var hasReturned = false
    var timer: Bool = false
  }

  private struct Side {
    var machine: ConnectionStateMachine
    var audit: ConnectionAudit
    var reader = FrameReader()
    /// What the network has handed over and the reader has not taken.
    var arrived = ByteBuffer()
    /// What has been written and is still on its way to the other side.
    var onItsWay = ByteBuffer()
    /// How much of it has been read.
    var carried = 0
    /// The socket takes no more for the moment.
    var isStalled = false
    /// This side closes when what is on its way has been read.
    var isClosing = false
    var isClosed = false
    var calls: [StreamID: Call] = [:]
    /// Calls of which more may come, in the order of their beginning.
    var alive: [StreamID] = []
    /// Whose the writes that wait are.
    var owners: [WriteID: StreamID] = [:]

    mutating func begin(_ id: StreamID) {
      self.calls[id] = Call()
      self.alive.append(id)
    }

    init(_ role: StreamStateMachine.Role) {
      self.machine = ConnectionStateMachine(
        role: role, messageLimits: .init(standard: 1 << 20), maximumStreams: 8)
      self.audit = ConnectionAudit(role)
      self.onItsWay.writeBytes(Wire.preface)
    }

    mutating func nextUnit() throws(ProtocolViolation) -> FrameReader.Unit? {
      try self.reader.next(from: &self.arrived)
    }
  }

  private var random: SplitMix
  private var client = Side(.client)
  private var server = Side(.server)
  private var nextWrite: WriteID = 1
  private(set) var counts = Counts()
  /// Of everything that was sent, in order.
  private(set) var digest: UInt64 = 14_695_981_039_346_656_037
  private static let method = MethodDescriptor(fullyQualifiedService: "s.S", method: "M")

  init(seed: UInt64) {
    self.random = SplitMix(state: seed)
  }

  mutating func run() throws {
    let length = 200 + Int(self.random.next() % 1_800)
    // Some schedules are without accidents, so that their calls come to a good end.
    let isRough = self.random.next() % 2 == 0
    for _ in 0..<length { try self.step(isRough: isRough) }
    try self.settle()
    try self.checkTheEnd()
  }

  // MARK: Steps

  private mutating func step(isRough: Bool) throws {
    switch self.random.next() % (isRough ? 100 : 88) {
    case 0..<30: try self.carry(self.random.next() % 2 == 0 ? \.client : \.server)
    case 30..<36: try self.open()
    case 36..<52: try self.clientActs()
    case 52..<70: try self.serverActs()
    case 70..<80: try self.read(self.random.next() % 2 == 0 ? \.client : \.server)
    case 80..<86:
      let side: WritableKeyPath<Simulation, Side> =
        self.random.next() % 2 == 0 ? \.client : \.server
      self[keyPath: side].isStalled.toggle()
      try self.apply(side) { _ in [] }
    case 86..<88: try self.ping()
    case 88..<92: try self.timeRunsOut()
    case 92..<97: try self.giveUp()
    case 97: if self.random.next() % 8 == 0 { try self.shutDown() }
    case 98:
      if self.random.next() % 16 == 0 { try self.apply(\.server) { $0.shed() } }
      if self.random.next() % 8 == 0 { try self.apply(\.server) { $0.graceEnded() } }
    default:
      if self.random.next() % 16 == 0 {
        self.counts.lost += 1
        // What a server writes first can still be read when it has gone.
        let preface = min(Wire.preface.count, self.server.carried) - Wire.preface.count
        if preface < 0 { try self.carry(\.client, bytes: -preface) }
        try self.lose(\.client)
        try self.lose(\.server)
      }
    }
  }

  private mutating func open() throws {
    guard !self.client.isClosed else { return }
    let timed = self.random.next() % 3 == 0
    let metadata: Metadata = timed ? ["grpc-timeout": "5S", "k": "v"] : ["k": "v"]
    var id: StreamID = 0
    try self.apply(\.client) { machine in
      guard
        let opened = try? machine.open(Self.method, metadata, messageLimit: 1 << 20)
      else { return [] }
      id = opened.0
      return opened.1
    } before: { simulation in
      if id != 0 { simulation.client.begin(id) }
    }
    if id != 0 { self.counts.calls += 1 }
  }

  private mutating func clientActs() throws {
    guard let id = self.pick(\.client, { !$0.isOver && !$0.hasHalfClosed }) else { return }
    if self.random.next() % 4 == 0 {
      self.client.calls[id]?.hasHalfClosed = true
      try self.apply(\.client) { $0.halfClose(id) }
    } else {
      try self.send(id, \.client)
    }
  }

  private mutating func serverActs() throws {
    guard let id = self.pick(\.server, { !$0.hasReturned }), let call = self.server.calls[id]
    else { return }
    let mayEnd = call.requestsEnded || self.random.next() % 16 == 0
    if call.wasTold || call.hasStatus {
      self.server.calls[id]?.hasReturned = true
      try self.apply(\.server) { $0.handlerReturned(id) }
    } else if !call.hasHeaders {
      self.server.calls[id]?.hasHeaders = true
      try self.apply(\.server) { machine in (try? machine.sendHeaders(id, ["k": "v"])) ?? [] }
    } else if mayEnd && self.random.next() % 3 == 0 {
      self.server.calls[id]?.hasStatus = true
      let code: Status.Code = self.random.next() % 8 == 0 ? .dataLoss : .ok
      self.server.calls[id]?.status = code
      try self.apply(\.server) { $0.sendStatus(id, Status(code: code, message: ""), [:]) }
    } else {
      try self.send(id, \.server)
    }
  }

  private mutating func send(_ id: StreamID, _ side: WritableKeyPath<Simulation, Side>) throws {
    guard self[keyPath: side].calls[id].map({ $0.writes.count < 4 }) == true else { return }
    // Mostly small ones: 400,000 bytes take more than all credit.
    let sizes = [0, 1, 17, 1_000, 65_536, 65_537, 400_000]
    let few = self.random.next() % 20 == 0 ? sizes.count : 4
    let size = sizes[Int(self.random.next() % UInt64(few))]
    let write = self.nextWrite
    self.nextWrite += 1
    self[keyPath: side].calls[id]?.sent.append(size)
    self[keyPath: side].calls[id]?.writes.insert(write)
    self[keyPath: side].owners[write] = id
    self[keyPath: side].audit.willWrite(write)
    let message = [UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size)
    try self.apply(side) { $0.send(id, message, write: write) }
    if self[keyPath: side].calls[id]?.writes.contains(write) == true {
      self.counts.waitsForCredit += 1
    }
  }

  /// The application takes a message, or waits for one.
  private mutating func read(_ side: WritableKeyPath<Simulation, Side>) throws {
    guard let id = self.pick(side, { !$0.isOver || $0.unread > 0 }) else { return }
    guard let call = self[keyPath: side].calls[id] else { return }
    if call.unread > 0 {
      self[keyPath: side].calls[id]?.unread -= 1
      try self.apply(side) { $0.messageTaken(id) }
    } else if !call.isAwaiting {
      self[keyPath: side].calls[id]?.isAwaiting = true
      try self.apply(side) { $0.messageAwaited(id) }
    }
  }

  private mutating func ping() throws {
    let side: WritableKeyPath<Simulation, Side> = self.random.next() % 2 == 0 ? \.client : \.server
    guard !self[keyPath: side].isClosing else { return }
    Frame(.ping, 0, [9] + Wire.bigEndian(self.random.next())).write(
      to: &self[keyPath: side].onItsWay)
  }

  private mutating func timeRunsOut() throws {
    let side: WritableKeyPath<Simulation, Side> = self.random.next() % 2 == 0 ? \.client : \.server
    guard let id = self.pick(side, { $0.timer }) else { return }
    self.counts.expired += 1
    self[keyPath: side].calls[id]?.timer = false
    try self.apply(side) { $0.deadlinePassed(id) }
  }

  private mutating func giveUp() throws {
    let side: WritableKeyPath<Simulation, Side> = self.random.next() % 2 == 0 ? \.client : \.server
    if let id = self.pick(side, { !$0.writes.isEmpty }), self.random.next() % 2 == 0,
      let write = self[keyPath: side].calls[id]?.writes.min()
    {
      self[keyPath: side].calls[id]?.isUnsure = true
      return try self.apply(side) { $0.cancelWrite(id, write) }
    }
    guard let id = self.pick(\.client, { !$0.isOver }) else { return }
    self.counts.cancelled += 1
    try self.apply(\.client) { $0.cancel(id, RPCError(code: .cancelled, message: "left")) }
  }

  private mutating func shutDown() throws {
    self.counts.shutdowns += 1
    try self.apply(self.random.next() % 2 == 0 ? \.client : \.server) { $0.beginShutdown() }
  }

  // MARK: The network

  /// Some of what the other side wrote reaches `side`.
  private mutating func carry(
    _ side: WritableKeyPath<Simulation, Side>, bytes: Int? = nil
  ) throws {
    let other: WritableKeyPath<Simulation, Side> = side == \.client ? \.server : \.client
    guard !self[keyPath: side].isClosed else { return }
    let waiting = self[keyPath: other].onItsWay.readableBytes
    let some =
      bytes ?? (self.random.next() % 4 == 0 ? Int(self.random.next() % 30) : 1 << 20)
    if var piece = self[keyPath: other].onItsWay.readSlice(length: min(some, waiting)) {
      self[keyPath: other].carried += piece.readableBytes
      self[keyPath: side].arrived.writeBuffer(&piece)
      try self.takeArrived(side)
    }
    self[keyPath: other].onItsWay.discardReadBytes()
    if self[keyPath: other].isClosing, self[keyPath: other].onItsWay.readableBytes == 0 {
      try self.lose(other)
      try self.lose(side)
    }
  }

  private mutating func takeArrived(_ side: WritableKeyPath<Simulation, Side>) throws {
    do {
      while let unit = try self[keyPath: side].nextUnit() {
        switch unit {
        case .preface(let preface): try self.apply(side) { $0.received(preface) }
        case .frame(let frame):
          self[keyPath: side].audit.willReceive(frame)
          try self.apply(side) { $0.received(frame) }
        }
      }
    } catch let violation as ProtocolViolation {
      throw AuditFailure("\(violation) between two right peers")
    }
    self[keyPath: side].arrived.discardReadBytes()
  }

  private mutating func lose(_ side: WritableKeyPath<Simulation, Side>) throws {
    guard !self[keyPath: side].isClosed else { return }
    self[keyPath: side].isClosed = true
    self[keyPath: side].onItsWay.clear()
    try self.apply(side) { $0.connectionLost("lost") }
  }

  // MARK: The machines

  /// An event for a machine, and then all it can send; `before` runs between the two.
  private mutating func apply(
    _ side: WritableKeyPath<Simulation, Side>,
    _ event: (inout ConnectionStateMachine) -> [ConnectionAction],
    before: (inout Simulation) -> Void = { _ in }
  ) throws {
    self.counts.steps += 1
    var actions = event(&self[keyPath: side].machine)
    before(&self)
    try self.perform(actions, side)
    while !self[keyPath: side].isStalled, self[keyPath: side].machine.hasTurn {
      self.counts.steps += 1
      actions = self[keyPath: side].machine.takeTurn()
      try self.perform(actions, side)
    }
  }

  private mutating func perform(
    _ actions: [ConnectionAction], _ side: WritableKeyPath<Simulation, Side>
  ) throws {
    try self[keyPath: side].audit.check(actions)
    for action in actions {
      switch action {
      case .send(let frame):
        if frame.kind == .goAway {
          let reason = [ConnectionAction.send(frame)].goAwayReason
          guard reason == 1 else {
            throw AuditFailure("GO_AWAY \(reason ?? 0) between two right peers")
          }
        }
        self.digest =
          (self.digest ^ UInt64(frame.kind.rawValue) ^ UInt64(frame.stream) << 8
            ^ UInt64(frame.payload.readableBytes) << 40) &* 1_099_511_628_211
        if !self[keyPath: side].isClosed { frame.write(to: &self[keyPath: side].onItsWay) }
      case .start(let id, _):
        self[keyPath: side].begin(id)
      case .startTimer(let id, _):
        self[keyPath: side].calls[id]?.timer = true
      case .deliver(let id, let part):
        try self.deliver(part, id, side)
      case .unseen(let id, let call):
        self.counts.unseen += 1
        self[keyPath: side].calls[id]?.unseen = call.messages.map(\.count)
      case .finish(let id, let error):
        self[keyPath: side].calls[id]?.requestsEnded = true
        if let error {
          self[keyPath: side].calls[id]?.error = error
          self[keyPath: side].calls[id]?.isOver = true
        }
      case .cancelHandler(let id, _):
        self[keyPath: side].calls[id]?.wasTold = true
        self[keyPath: side].calls[id]?.isOver = true
      case .completeWrite(let write, _):
        if let id = self[keyPath: side].owners.removeValue(forKey: write) {
          self[keyPath: side].calls[id]?.writes.remove(write)
        }
      case .forget(let id):
        self[keyPath: side].calls[id]?.isOver = true
        self[keyPath: side].calls[id]?.timer = false
      case .retire: break
      case .close:
        self[keyPath: side].isClosing = true
      }
    }
  }

  private mutating func deliver(
    _ part: InboundPart, _ id: StreamID, _ side: WritableKeyPath<Simulation, Side>
  ) throws {
    switch part {
    case .metadata:
      try self.expect(self[keyPath: side].calls[id]?.received == [], "metadata after messages")
    case .message(let message):
      self.counts.messages += 1
      try self.expect(
        message.allSatisfy { $0 == UInt8(truncatingIfNeeded: message.count) },
        "a message of \(message.count) bytes is not what was sent")
      self[keyPath: side].calls[id]?.received.append(message.count)
      self[keyPath: side].calls[id]?.unread += 1
      self[keyPath: side].calls[id]?.isAwaiting = false
    case .status(let status, _):
      self[keyPath: side].calls[id]?.isOver = true
      self[keyPath: side].calls[id]?.status = status.code
    }
  }

  // MARK: The end

  /// Nothing new begins; all bytes arrive, everybody reads, every handler comes to its end.
  private mutating func settle() throws {
    for _ in 0..<100_000 {
      var isBusy = false
      for side in [\Simulation.client, \Simulation.server] {
        if self[keyPath: side].isStalled {
          self[keyPath: side].isStalled = false
          try self.apply(side) { _ in [] }
        }
        let other: WritableKeyPath<Simulation, Side> = side == \.client ? \.server : \.client
        if !self[keyPath: side].isClosed,
          self[keyPath: other].onItsWay.readableBytes > 0 || self[keyPath: other].isClosing
        {
          isBusy = true
          try self.carry(side)
        }
        for id in self[keyPath: side].calls.keys.sorted() {
          guard let call = self[keyPath: side].calls[id] else { continue }
          if call.unread > 0 {
            isBusy = true
            self[keyPath: side].calls[id]?.unread -= 1
            try self.apply(side) { $0.messageTaken(id) }
          } else if !call.isOver && !call.isAwaiting {
            isBusy = true
            self[keyPath: side].calls[id]?.isAwaiting = true
            try self.apply(side) { $0.messageAwaited(id) }
          }
          if side == \.client, !call.isOver, !call.hasHalfClosed {
            isBusy = true
            self.client.calls[id]?.hasHalfClosed = true
            try self.apply(\.client) { $0.halfClose(id) }
          }
          if side == \.server, !call.hasReturned, call.wasTold || call.requestsEnded {
            isBusy = true
            if !call.hasHeaders && !call.wasTold {
              self.server.calls[id]?.hasHeaders = true
              try self.apply(side) { machine in (try? machine.sendHeaders(id, [:])) ?? [] }
            }
            if !call.hasStatus && !call.wasTold {
              self.server.calls[id]?.hasStatus = true
              self.server.calls[id]?.status = .ok
              try self.apply(side) { $0.sendStatus(id, Status(code: .ok, message: ""), [:]) }
            }
            self.server.calls[id]?.hasReturned = true
            try self.apply(side) { $0.handlerReturned(id) }
          }
        }
      }
      if !isBusy { return }
    }
    throw AuditFailure("the two do not come to rest")
  }

  private mutating func checkTheEnd() throws {
    for (id, call) in self.client.calls {
      try self.expect(call.isOver, "call \(id) has not ended for the client: \(call)")
      if let unseen = call.unseen {
        try self.expect(
          call.isUnsure || unseen.elementsEqual(call.sent.prefix(unseen.count)),
          "the messages of \(id) that had gone are not those that were sent")
      }
      guard let other = self.server.calls[id] else { continue }
      try self.expect(call.unseen == nil, "the server has seen call \(id)")
      try self.expect(other.hasReturned, "call \(id) has not ended for the server: \(other)")
      try self.expect(
        call.isUnsure || other.received.elementsEqual(call.sent.prefix(other.received.count)),
        "the requests of \(id) are not those that were sent")
      try self.expect(
        other.isUnsure || call.received.elementsEqual(other.sent.prefix(call.received.count)),
        "the responses of \(id) are not those that were sent")
      if call.status == .ok {
        self.counts.ok += 1
        try self.expect(
          other.status == .ok && (other.isUnsure || call.received == other.sent),
          "call \(id) ended as OK with \(call.received.count) of \(other.sent.count) responses")
      }
    }
    for side in [self.client, self.server] {
      let waiting = side.audit.waitingWrites
      try self.expect(waiting.isEmpty, "nobody was told of the writes \(waiting.sorted())")
    }
  }

  private mutating func pick(
    _ side: WritableKeyPath<Simulation, Side>, _ isWanted: (Call) -> Bool
  ) -> StreamID? {
    let calls = self[keyPath: side].calls
    self[keyPath: side].alive.removeAll { id in
      guard let call = calls[id] else { return true }
      return call.isOver && call.unread == 0 && call.writes.isEmpty
        && (side == \.client || call.hasReturned)
    }
    let wanted = self[keyPath: side].alive.filter { id in
      calls[id].map(isWanted) ?? false
    }
    return wanted.isEmpty ? nil : wanted[Int(self.random.next() % UInt64(wanted.count))]
  }

  private func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
    if !condition { throw AuditFailure(text()) }
  }
}

/// SplitMix64. Steele, Lea and Flood, 2014.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    self.state &+= 0x9E37_79B9_7F4A_7C15
    var z = self.state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
