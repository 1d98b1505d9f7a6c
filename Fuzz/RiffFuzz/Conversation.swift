internal import ConversationAudit
internal import FramedTransport
internal import GRPCCore
internal import NIOCore

/// One side of a connection whose peer and whose application are the input. What the state machine does
/// is held against framing.md.
struct Conversation {
  private let role: StreamStateMachine.Role
  private var machine: ConnectionStateMachine
  private var audit: ConnectionAudit
  private var reader = FrameReader()
  private var incoming = ByteBuffer()
  private var writes: UInt64 = 0
  private static let method = MethodDescriptor(fullyQualifiedService: "s.S", method: "M")

  init(_ role: StreamStateMachine.Role) {
    self.role = role
    self.machine = ConnectionStateMachine(
      role: role, messageLimits: .init(standard: 100_000), maximumStreams: 4)
    self.audit = ConnectionAudit(role)
  }

  /// Runs the input to its end, then loses the connection: every write must have been told of.
  mutating func run(_ bytes: inout Bytes) throws {
    try self.receive([0x52, 0x49, 0x46, 0x44, 0, 1, 0, 0])
    while !bytes.isEmpty { try self.step(&bytes) }
    try self.apply { $0.connectionLost("the end") }
    guard self.audit.waitingWrites.isEmpty else {
      throw AuditFailure("writes that nobody was told of")
    }
  }

  private mutating func step(_ bytes: inout Bytes) throws {
    let code = bytes.byte()
    let id = StreamID(bytes.byte() % 6)
    switch code % 22 {
    case 0...3: try self.receive(bytes.take(Int(bytes.byte())))
    case 4...7:
      // A frame whose length is right, so that its content matters.
      let kind = bytes.byte() % 10
      let flags = bytes.byte()
      let payload = bytes.take(Int(bytes.byte()))
      var frame = ByteBuffer(integer: UInt32(payload.count + 8))
      frame.writeMultipleIntegers(kind, flags < 0xf0 ? flags & 1 : flags, UInt16(0), id)
      frame.writeBytes(payload)
      try self.receive(Array(frame.readableBytesView))
    case 8:
      let size = Int(bytes.number() % 300_000)
      self.writes += 1
      let write = self.writes
      self.audit.willWrite(write)
      try self.apply { $0.send(id, [UInt8](repeating: 7, count: size), write: write) }
    case 9:
      let write = UInt64(bytes.byte())
      try self.apply { $0.cancelWrite(id, write) }
    case 10: try self.apply { $0.messageTaken(id) }
    case 11: try self.apply { $0.messageAwaited(id) }
    case 12: try self.apply { $0.deadlinePassed(id) }
    case 13 where self.role == .server:
      let status = Status(code: .internalError, message: "why")
      try self.apply {
        $0.sendStatus(id, bytes.byte() & 1 == 0 ? Status(code: .ok, message: "") : status, [:])
      }
    case 13: try self.apply { $0.cancel(id, RPCError(code: .cancelled, message: "left")) }
    case 14 where self.role == .server:
      try self.apply { machine in (try? machine.sendHeaders(id, ["k": "v"])) ?? [] }
    case 14,
      15 where self.role == .client:
      try self.apply { machine in
        (try? machine.open(Self.method, ["grpc-timeout": "5S"], messageLimit: 100_000).1) ?? []
      }
    case 15: try self.apply { $0.handlerReturned(id) }
    case 16 where self.role == .client: try self.apply { $0.halfClose(id) }
    case 16, 17: while self.machine.hasTurn { try self.apply { $0.takeTurn() } }
    case 18 where bytes.byte() < 16: try self.apply { $0.beginShutdown() }
    case 19 where bytes.byte() < 8 && self.role == .server: try self.apply { $0.graceEnded() }
    case 20 where self.role == .server: try self.apply { $0.shed() }
    case 21 where self.role == .server && bytes.byte() < 16:
      self.audit.inputEnded()
      try self.apply { $0.inputEnded() }
    default: try self.apply { $0.takeTurn() }
    }
  }

  private mutating func receive(_ bytes: [UInt8]) throws {
    self.incoming.writeBytes(bytes)
    do {
      while let unit = try self.reader.next(from: &self.incoming) {
        switch unit {
        case .preface(let preface): try self.apply { $0.received(preface) }
        case .frame(let frame):
          self.audit.willReceive(frame)
          try self.apply { $0.received(frame) }
        }
      }
    } catch let violation as ProtocolViolation {
      self.incoming.clear()
      try self.apply { $0.violated(violation) }
    }
  }

  private mutating func apply(
    _ event: (inout ConnectionStateMachine) -> [ConnectionAction]
  ) throws {
    try self.audit.check(event(&self.machine))
  }
}
