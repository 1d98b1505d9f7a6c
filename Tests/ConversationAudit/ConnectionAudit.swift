package import FramedTransport
internal import GRPCCore
internal import NIOCore

/// What a ``ConnectionStateMachine`` did that framing.md does not allow.
package struct AuditFailure: Error, CustomStringConvertible {
  package var description: String

  package init(_ description: String) { self.description = description }
}

/// Holds what a ``ConnectionStateMachine`` asks for against framing.md, whatever its peer and its
/// application do. It shares no code with the machine.
package struct ConnectionAudit {
  private struct Stream {
    var hasStarted = false
    var hasSentHeaders = false
    /// Server: STATUS has gone. Client: CANCEL has gone.
    var hasSentEnd = false
    var hasSentHalfClose = false
    var isInsideMessage = false
    var isDone = false
    /// The peer has said something of it.
    var isHeard = false
    /// What the peer lets us send, and what we let it send.
    var credit = 262_144
    var granted = 262_144
  }

  private let role: StreamStateMachine.Role
  private var streams: [StreamID: Stream] = [:]
  private var highest: StreamID = 0
  private var pending: Set<WriteID> = []
  private var isClosing = false
  /// The peer can grant no more credit, and none is asked for.
  private var isCreditWaived = false
  private var lastStream: UInt32?
  package private(set) var framesSent = 0

  package init(_ role: StreamStateMachine.Role) {
    self.role = role
  }

  /// Writes that nobody has been told about.
  package var waitingWrites: Set<WriteID> { self.pending }

  /// The peer's frame is about to be handed to the machine.
  package mutating func willReceive(_ frame: Frame) {
    self.streams[frame.stream]?.isHeard = true
    switch frame.kind {
    case .headers where self.role == .server && frame.stream > self.highest:
      self.highest = frame.stream
      self.streams[frame.stream] = Stream()
    case .credit:
      self.streams[frame.stream]?.credit += Self.credit(frame)
    case .message:
      self.streams[frame.stream]?.granted -= max(1, frame.payload.readableBytes)
    default: break
    }
  }

  /// The application is about to send a message.
  package mutating func willWrite(_ write: WriteID) {
    self.pending.insert(write)
  }

  /// Server: the client has ended its direction of the socket.
  package mutating func inputEnded() {
    self.isCreditWaived = true
  }

  /// - Throws: ``AuditFailure``.
  package mutating func check(_ actions: [ConnectionAction]) throws {
    for action in actions {
      switch action {
      case .send(let frame): try self.checkSent(frame)
      case .start(let id, _):
        try self.expect(
          self.role == .server && self.streams[id]?.hasStarted == false, "start \(id)")
        self.streams[id]?.hasStarted = true
      case .deliver(let id, let part):
        try self.expect(self.streams[id]?.isDone == false, "\(part) for \(id), which is done")
        if case .status = part { self.streams[id]?.isDone = true }
      case .finish(let id, let error):
        try self.expect(self.streams[id] != nil, "the end of \(id), which never was")
        if self.role == .server || error != nil { self.streams[id]?.isDone = true }
      case .completeWrite(let write, _):
        try self.expect(self.pending.remove(write) != nil, "write \(write) is completed twice")
      case .close:
        try self.expect(!self.isClosing, "closes twice")
        self.isClosing = true
      case .unseen(let id, _):
        try self.expect(
          self.role == .client && self.streams[id]?.isHeard == false
            && self.streams[id]?.isDone == false, "\(id) is unseen")
      case .startTimer, .cancelHandler, .forget, .retire: break
      }
    }
  }

  private mutating func checkSent(_ frame: Frame) throws {
    self.framesSent += 1
    let id = frame.stream
    let size = frame.payload.readableBytes
    try self.expect(!self.isClosing, "\(frame.kind) after the end")
    try self.expect(size + 8 <= 1 << 20, "\(frame.kind) of \(size) bytes")
    let stream = self.streams[id]
    let mayEnd = stream.map { !$0.hasSentEnd } ?? false
    switch (frame.kind, self.role) {
    case (.ping, _), (.goAway, _):
      try self.expect(id == 0, "\(frame.kind) on \(id)")
      if frame.kind == .goAway {
        let last = Self.number(1, of: frame)
        try self.expect(last <= self.lastStream ?? .max, "last_stream grows to \(last)")
        self.lastStream = last
      }
    case (.headers, .client):
      try self.expect(id % 2 == 1 && id > self.highest, "HEADERS on \(id) after \(self.highest)")
      try self.expect(size <= 65_536, "HEADERS of \(size) bytes")
      self.highest = id
      self.streams[id] = Stream(hasSentHeaders: true)
    case (.headers, .server):
      try self.expect(
        mayEnd && stream?.hasSentHeaders == false && size <= 65_536, "HEADERS on \(id)")
      self.streams[id]?.hasSentHeaders = true
    case (.message, _):
      try self.expect(
        mayEnd && stream?.hasSentHeaders == true && stream?.hasSentHalfClose == false,
        "MESSAGE on \(id)")
      try self.expect(frame.flags == .last || size > 0, "an empty fragment on \(id)")
      self.streams[id]?.credit -= max(1, size)
      try self.expect(
        self.isCreditWaived || (self.streams[id]?.credit ?? -1) >= 0,
        "MESSAGE beyond the credit of \(id)")
      self.streams[id]?.isInsideMessage = frame.flags != .last
    case (.halfClose, .client):
      try self.expect(
        mayEnd && stream?.hasSentHalfClose == false && stream?.isInsideMessage == false,
        "HALF_CLOSE on \(id)")
      self.streams[id]?.hasSentHalfClose = true
    case (.cancel, .client):
      try self.expect(mayEnd, "CANCEL on \(id)")
      self.streams[id]?.hasSentEnd = true
    case (.status, .server):
      try self.expect(mayEnd && size <= 65_536, "STATUS on \(id)")
      try self.expect(
        stream?.isInsideMessage == false || Self.number(1, of: frame) != 0,
        "OK inside a message of \(id)")
      self.streams[id]?.hasSentEnd = true
    case (.credit, _):
      let bytes = Self.credit(frame)
      self.streams[id]?.granted += bytes
      try self.expect(
        mayEnd && bytes > 0 && (self.streams[id]?.granted ?? .max) <= Int(Int32.max),
        "CREDIT of \(bytes) on \(id)")
    case (.halfClose, .server), (.cancel, .server), (.status, .client):
      try self.expect(false, "\(frame.kind) from the \(self.role)")
    }
  }

  private func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
    if !condition { throw AuditFailure("\(self.role): \(text())") }
  }

  private static func credit(_ frame: Frame) -> Int { Int(self.number(1, of: frame)) }

  /// The last value of a varint field, 32 bits of it; 0 where it is absent or the payload is damaged.
  private static func number(_ wanted: UInt64, of frame: Frame) -> UInt32 {
    var bytes = frame.payload.readableBytesView[...]
    var found: UInt64 = 0
    func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = bytes.popFirst() else { return nil }
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }
    while let key = varint() {
      switch key & 7 {
      case 0:
        guard let value = varint() else { return 0 }
        if key >> 3 == wanted { found = value }
      case 1: bytes = bytes.dropFirst(8)
      case 5: bytes = bytes.dropFirst(4)
      case 2:
        guard let count = varint(), count <= bytes.count else { return 0 }
        bytes = bytes.dropFirst(Int(count))
      default: return 0
      }
    }
    return UInt32(truncatingIfNeeded: found)
  }
}
