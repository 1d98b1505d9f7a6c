import FramedTransport
import GRPCCore

/// A state machine and what it did, for tests that talk to it frame by frame.
struct Conversation {
  var machine: ConnectionStateMachine

  init(_ role: ConnectionStateMachine.Role, limit: Int = 4 << 20, streams: Int = 128) {
    self.machine = ConnectionStateMachine(
      role: role, messageLimits: .init(standard: limit), maximumStreams: streams)
    _ = self.machine.received(Preface(major: 1, minor: 0))
  }

  /// Does something and lets the machine send all it can; everything it then asked for.
  @discardableResult
  mutating func run(
    _ event: (inout ConnectionStateMachine) -> [ConnectionAction]
  ) -> [ConnectionAction] {
    var actions = event(&self.machine)
    while self.machine.hasTurn { actions += self.machine.takeTurn() }
    return actions
  }

  @discardableResult
  mutating func receive(_ frames: Frame...) -> [ConnectionAction] {
    frames.flatMap { frame in self.run { $0.received(frame) } }
  }

  /// Server: a call on `stream` that has begun.
  @discardableResult
  mutating func call(_ stream: StreamID, _ metadata: [[UInt8]] = []) -> [ConnectionAction] {
    self.receive(Frame(.headers, stream, Wire.headers("riff.v1.Riff/Generate", metadata)))
  }

  /// Client: opens a call.
  mutating func open(_ metadata: Metadata = [:], limit: Int = 64 << 20) throws -> StreamID {
    let method = MethodDescriptor(fullyQualifiedService: "riff.v1.Riff", method: "Generate")
    return try self.machine.open(method, metadata, messageLimit: limit).0
  }
}

extension [ConnectionAction] {
  var frames: [Frame] {
    self.compactMap { if case .send(let frame) = $0 { frame } else { nil } }
  }

  /// The codes of the STATUS frames sent: the first field of each, 0 where it is absent.
  var statusCodes: [UInt8] {
    self.frames.filter { $0.kind == .status }.map { frame in
      frame.bytes.count >= 2 && frame.bytes[0] == 0x08 ? frame.bytes[1] : 0
    }
  }

  var closes: Bool { self.contains(.close) }

  /// The reason in a GO_AWAY: its second field.
  var goAwayReason: UInt8? {
    guard let goAway = self.frames.first(where: { $0.kind == .goAway }) else { return nil }
    var bytes = goAway.bytes[...]
    // Field 1, last_stream: a varint, left out if it is 0.
    if bytes.first == 0x08 {
      bytes = bytes.dropFirst()
      bytes = bytes.drop { $0 & 0x80 != 0 }.dropFirst()
    }
    return bytes.first == 0x10 ? bytes.dropFirst().first : nil
  }

  /// What had gone of a call that the server never saw.
  func unseen(_ stream: StreamID) -> UnseenCall? {
    for case .unseen(stream, let call) in self { return call }
    return nil
  }

  /// How the stream's reader ended, if it did.
  func end(_ stream: StreamID) -> RPCError?? {
    for case .finish(stream, let error) in self { return .some(error) }
    return nil
  }

  func cancellation(_ stream: StreamID) -> CancellationCause? {
    for case .cancelHandler(stream, let cause) in self { return cause }
    return nil
  }
}
