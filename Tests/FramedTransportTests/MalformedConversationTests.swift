import FramedTransport
import GRPCCore
import Testing

/// framing.md, section 9: what each side does about each error.
@Suite struct MalformedConversationTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    var what: String
    var frames: [Frame]

    init(_ what: String, _ frames: Frame...) {
      self.what = what
      self.frames = frames
    }

    var testDescription: String { self.what }
  }

  private static let garbage: [UInt8] = [0x0a, 0xff, 0xff, 0xff]
  private static let headers = Frame(.headers, 3, Wire.headers("a.B/C"))

  // MARK: Errors of the connection

  @Test(arguments: [
    Vector("even stream", Frame(.headers, 2, Wire.headers("a.B/C"))),
    Vector("HEADERS on the connection", Frame(.headers, 0, Wire.headers("a.B/C"))),
    Vector("PING on a stream", headers, Frame(.ping, 3)),
    Vector("GO_AWAY on a stream", headers, Frame(.goAway, 3)),
    Vector("CREDIT on the connection", Frame(.credit, 0, [8, 1])),
    Vector("the same stream twice", headers, headers),
    Vector("a lower stream", headers, Frame(.headers, 1, Wire.headers("a.B/C"))),
    Vector("MESSAGE before HEADERS", Frame(.message, .last, 1, [1])),
    Vector("HALF_CLOSE before HEADERS", headers, Frame(.halfClose, 5)),
    Vector("CANCEL before HEADERS", Frame(.cancel, 1)),
    Vector("CREDIT before HEADERS", Frame(.credit, 1, [8, 1])),
    Vector("STATUS from the client", headers, Frame(.status, 3)),
    Vector("a flag of MESSAGE", headers, Frame(.message, Frame.Flags(rawValue: 2), 3, [1])),
    Vector("a flag of HEADERS", Frame(.headers, .last, 1, Wire.headers("a.B/C"))),
    Vector("a flag of PING", Frame(.ping, Frame.Flags(rawValue: 0x81), 0)),
    Vector("HEADERS after GO_AWAY", Frame(.goAway, 0, [0x10, 1]), headers),
    Vector("garbage in HEADERS", Frame(.headers, 1, garbage)),
    Vector("a method that is not UTF-8", Frame(.headers, 1, [0x0a, 1, 0xff])),
    Vector("garbage in CREDIT", headers, Frame(.credit, 3, garbage)),
    Vector("garbage in CANCEL", headers, Frame(.cancel, 3, garbage)),
    Vector("garbage in PING", Frame(.ping, 0, garbage)),
    Vector("garbage in GO_AWAY", Frame(.goAway, 0, garbage)),
    Vector("a payload of HALF_CLOSE", headers, Frame(.halfClose, 3, [0])),
  ])
  func serverLeaves(vector: Vector) {
    var server = Conversation(.server)
    var actions: [ConnectionAction] = []
    for frame in vector.frames { actions += server.receive(frame) }
    #expect(actions.goAwayReason == 2)
    #expect(actions.last == .close)
    for case .start(let stream, _) in actions {
      #expect(actions.cancellation(stream) == .connectionLost)
    }
    // It neither reads nor says anything more.
    #expect(server.receive(Frame(.headers, 99, Wire.headers("a.B/C"))) == [])
    #expect(server.run { $0.connectionLost("closed") }.frames == [])
  }

  @Test(arguments: [
    Vector("HALF_CLOSE from the server", Frame(.halfClose, 1)),
    Vector("CANCEL from the server", Frame(.cancel, 1)),
    Vector("a stream never opened", Frame(.headers, 3)),
    Vector("STATUS on a stream never opened", Frame(.status, 3)),
    Vector("an even stream", Frame(.message, 2, [1])),
    Vector("garbage in STATUS", Frame(.status, 1, garbage)),
    Vector("garbage in HEADERS", Frame(.headers, 1, garbage)),
  ])
  func clientLeaves(vector: Vector) throws {
    var client = Conversation(.client)
    let id = try client.open()
    var actions: [ConnectionAction] = []
    for frame in vector.frames { actions += client.receive(frame) }
    #expect(actions.goAwayReason == 2)
    #expect(actions.end(id)??.code == .unavailable)
    #expect(actions.last == .close)
  }

  @Test func anotherMajorVersion() {
    for role in [ConnectionStateMachine.Role.client, .server] {
      var machine = ConnectionStateMachine(role: role)
      let actions = machine.received(Preface(major: 2, minor: 0))
      #expect(actions.goAwayReason == 3)
      #expect(actions.last == .close)
    }
  }

  @Test func anotherMinorVersionIsFine() {
    var machine = ConnectionStateMachine(role: .server)
    #expect(machine.received(Preface(major: 1, minor: 9)) == [])
    #expect(machine.received(Frame(.ping, 0)).frames == [Frame(.ping, .ack, 0)])
  }

  @Test func theReaderFoundSomething() {
    var server = Conversation(.server)
    server.call(1)
    let actions = server.run { $0.violated(ProtocolViolation(.frameTooLarge, "2 MiB")) }
    #expect(actions.goAwayReason == 4)
    #expect(actions.cancellation(1) == .connectionLost)
    #expect(actions.last == .close)
  }

  // MARK: Errors of a stream

  private static let full = [UInt8](repeating: 0, count: 65_536)

  @Test(
    arguments: [
      (Vector("MESSAGE after HALF_CLOSE", Frame(.halfClose, 1), Frame(.message, .last, 1)), 13),
      (Vector("HALF_CLOSE twice", Frame(.halfClose, 1), Frame(.halfClose, 1)), 13),
      (Vector("HALF_CLOSE inside a message", Frame(.message, 1, [1]), Frame(.halfClose, 1)), 13),
      (Vector("empty fragment", Frame(.message, 1)), 13),
      (Vector("CREDIT of nothing", Frame(.credit, 1)), 13),
      (Vector("too much CREDIT", Frame(.credit, 1, Wire.field(1, 0xffff_ffff))), 13),
      (Vector("CREDIT to the limit and over", Frame(.credit, 1, Wire.field(1, 0x7fff_ffff))), 13),
      (
        Vector(
          "MESSAGE beyond the credit", Frame(.message, 1, full), Frame(.message, 1, full),
          Frame(.message, 1, full), Frame(.message, .last, 1, full), Frame(.message, .last, 1, [1])
        ), 13
      ),
    ] as [(Vector, UInt8)])
  func serverEndsTheStream(vector: Vector, code: UInt8) {
    var server = Conversation(.server)
    server.call(1)
    server.call(3)
    var actions: [ConnectionAction] = []
    for frame in vector.frames { actions += server.receive(frame) }
    #expect(actions.statusCodes == [code])
    #expect(actions.cancellation(1) == .protocolError)
    #expect(!actions.closes)
    // What follows on it is skipped, and the other stream goes on.
    #expect(server.receive(Frame(.message, .last, 1, [1])) == [])
    #expect(
      server.receive(Frame(.message, .last, 3, [1])) == [.deliver(3, .message([1]))])
  }

  @Test func aMessageOverTheLimitIsRefusedAsItGrows() {
    var server = Conversation(.server, limit: 100_000)
    server.call(1)
    #expect(server.receive(Frame(.message, 1, Self.full)) == [])
    let actions = server.receive(Frame(.message, 1, Self.full))
    #expect(actions.statusCodes == [8])
    #expect(actions.end(1)??.code == .resourceExhausted)
  }

  @Test(arguments: ["", "a.B", "/a.B/C", "a.B/", "/C", "a.B/C/D"])
  func badMethods(method: String) {
    var server = Conversation(.server)
    let actions = server.receive(Frame(.headers, 1, Wire.headers(method)))
    #expect(actions.statusCodes == [12])
    #expect(actions.count == 1)
    #expect(server.receive(Frame(.message, .last, 1, [1]), Frame(.halfClose, 1)) == [])
  }

  @Test(arguments: [
    Wire.text("Upper", "v"), Wire.text("", "v"), Wire.text("k", "\u{7f}"), Wire.text("k", "é"),
    Wire.text("k-bin", "text"), Wire.binary("k", [1]), Wire.text("grpc-timeout", "123456789S"),
    Wire.text("grpc-timeout", ""),
  ])
  func badMetadata(metadatum: [UInt8]) {
    var server = Conversation(.server)
    #expect(server.call(1, [metadatum]).statusCodes == [3])
    #expect(server.call(3).statusCodes == [])
  }

  @Test func twoTimeouts() {
    var server = Conversation(.server)
    let timeout = Wire.text("grpc-timeout", "1S")
    #expect(server.call(1, [timeout, timeout]).statusCodes == [3])
  }

  @Test func tooMuchMetadata() {
    var server = Conversation(.server)
    let many = [[UInt8]](repeating: Wire.text("k", "v"), count: 257)
    #expect(server.call(1, many).statusCodes == [8])
    let long = Wire.text("k", String(repeating: "v", count: 65_536))
    #expect(server.call(3, [long]).statusCodes == [8])
  }

  @Test(
    arguments: [
      (
        Vector("MESSAGE before HEADERS", Frame(.message, .last, 1, [1])),
        RPCError.Code.internalError
      ),
      (Vector("HEADERS twice", Frame(.headers, 1), Frame(.headers, 1)), .internalError),
      (
        Vector(
          "STATUS OK inside a message", Frame(.headers, 1), Frame(.message, 1, [1]),
          Frame(.status, 1)),
        .internalError
      ),
      (
        Vector("bad metadata", Frame(.headers, 1, Wire.headers("", [Wire.text("A", "b")]))),
        .internalError
      ),
      (
        Vector("too long a STATUS", Frame(.status, 1, [UInt8](repeating: 0, count: 65_537))),
        .resourceExhausted
      ),
      (
        Vector("a message over the limit", Frame(.headers, 1), Frame(.message, 1, full)),
        .resourceExhausted
      ),
    ] as [(Vector, RPCError.Code)])
  func clientEndsTheCall(vector: Vector, code: RPCError.Code) throws {
    var client = Conversation(.client)
    let id = try client.open(limit: 60_000)
    let other = try client.open()
    var actions: [ConnectionAction] = []
    for frame in vector.frames { actions += client.receive(frame) }
    #expect(actions.end(id)??.code == code)
    #expect(actions.frames == [Frame(.cancel, id, [8, 1])])
    #expect(client.receive(Frame(.headers, other)) == [.deliver(other, .metadata([:]))])
  }

  @Test func aFailedCallMayEndInsideAMessage() throws {
    var client = Conversation(.client)
    let id = try client.open()
    client.receive(Frame(.headers, id), Frame(.message, id, [1]))
    let actions = client.receive(Frame(.status, id, Wire.status(4)))
    #expect(
      actions.first == .deliver(id, .status(Status(code: .deadlineExceeded, message: ""), [:])))
  }
}
