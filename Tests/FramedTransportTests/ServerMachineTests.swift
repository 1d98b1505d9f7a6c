import FramedTransport
import GRPCCore
import Testing

/// The server's side of framing.md without a socket: regular calls.
@Suite struct ServerMachineTests {
  private let method = MethodDescriptor(fullyQualifiedService: "riff.v1.Riff", method: "Generate")

  @Test func aCallFromHeadersToStatus() {
    var server = Conversation(.server)
    let opened = server.call(1, [Wire.text("a", "b"), Wire.text("grpc-timeout", "5S")])
    #expect(
      opened == [
        .start(
          1, IncomingCall(method: self.method, metadata: ["a": "b"], timeout: .seconds(5))),
        .startTimer(1, .seconds(5)),
      ])
    #expect(
      server.receive(Frame(.message, 1, [1, 2]), Frame(.message, .last, 1, [3]))
        == [.deliver(1, .message([1, 2, 3]))])
    #expect(server.receive(Frame(.halfClose, 1)) == [.finish(1, nil)])

    let headers = try? server.machine.sendHeaders(1, ["k": "v"])
    #expect(headers?.frames == [Frame(.headers, 1, Wire.headers("", [Wire.text("k", "v")]))])
    #expect(
      server.run { $0.send(1, [7], write: 70) }
        == [.send(Frame(.message, .last, 1, [7])), .completeWrite(70, nil)])
    let ended = server.run { $0.sendStatus(1, Status(code: .ok, message: ""), [:]) }
    #expect(ended.frames == [Frame(.status, 1)])
    #expect(!ended.contains(.forget(1)))
    #expect(server.run { $0.handlerReturned(1) } == [.forget(1)])
  }

  @Test func metadataOfEachKind() {
    var server = Conversation(.server)
    let opened = server.call(
      1, [Wire.text("x", "1"), Wire.text("x", "2"), Wire.binary("y-bin", [0, 255])])
    var metadata: Metadata = ["x": "1", "x": "2"]
    metadata.addBinary([0, 255], forKey: "y-bin")
    #expect(
      opened == [.start(1, IncomingCall(method: self.method, metadata: metadata, timeout: nil))])
  }

  @Test func statusWaitsForTheMessagesBeforeIt() {
    var server = Conversation(.server)
    server.call(1)
    _ = try? server.machine.sendHeaders(1, [:])
    let message = [UInt8](repeating: 1, count: 300_000)
    let first = server.run { $0.send(1, message, write: 1) }
    #expect(first.frames.map { $0.bytes.count } == [65_536, 65_536, 65_536, 65_536])
    #expect(!first.contains(.completeWrite(1, nil)))
    #expect(server.run { $0.sendStatus(1, Status(code: .ok, message: ""), [:]) } == [])
    let rest = server.receive(Frame(.credit, 1, Wire.field(1, 100_000)))
    #expect(rest.frames.map(\.kind) == [.message, .status])
    #expect(rest.contains(.completeWrite(1, nil)))
  }

  @Test func streamsTakeTurns() {
    var server = Conversation(.server)
    server.call(1)
    server.call(3)
    var actions: [ConnectionAction] = []
    for stream: StreamID in [1, 3] {
      _ = try? server.machine.sendHeaders(stream, [:])
      actions += server.machine.send(
        stream, [UInt8](repeating: 0, count: 131_072), write: UInt64(stream))
    }
    while server.machine.hasTurn { actions += server.machine.takeTurn() }
    #expect(actions.frames.map(\.stream) == [1, 3, 1, 3])
  }

  @Test func cancelStopsTheHandlerAndIsAnswered() {
    var server = Conversation(.server)
    server.call(1)
    let actions = server.receive(Frame(.cancel, 1, Wire.field(1, 1)))
    #expect(actions.statusCodes == [1])
    #expect(actions.cancellation(1) == .cancelledByClient)
    #expect(actions.end(1)??.code == .cancelled)
    // The handler may still write; nothing of it is sent.
    #expect(throws: RPCError.self) { try server.machine.sendHeaders(1, [:]) }
    let late = server.run { $0.send(1, [1], write: 9) }
    #expect(late.frames.isEmpty && late.count == 1)
    #expect(server.run { $0.sendStatus(1, Status(code: .ok, message: ""), [:]) } == [])
    #expect(server.run { $0.handlerReturned(1) } == [.forget(1)])
  }

  @Test func cancelForTheDeadline() {
    var server = Conversation(.server)
    server.call(1)
    let actions = server.receive(Frame(.cancel, 1, Wire.field(1, 4)))
    #expect(actions.statusCodes == [4])
    #expect(actions.cancellation(1) == .deadlineExceeded)
  }

  @Test func deadlineEndsTheCallAndWakesItsWriter() {
    var server = Conversation(.server)
    server.call(1, [Wire.text("grpc-timeout", "1S")])
    _ = try? server.machine.sendHeaders(1, [:])
    server.run { $0.send(1, [UInt8](repeating: 0, count: 300_000), write: 5) }
    let actions = server.run { $0.deadlinePassed(1) }
    #expect(actions.statusCodes == [4])
    #expect(actions.cancellation(1) == .deadlineExceeded)
    #expect(
      actions.contains {
        if case .completeWrite(5, let error) = $0 {
          error?.code == .deadlineExceeded
        } else {
          false
        }
      })
    #expect(server.run { $0.deadlinePassed(1) } == [])
  }

  @Test func expiredBeforeItBegan() {
    var server = Conversation(.server)
    let actions = server.call(1, [Wire.text("grpc-timeout", "0m")])
    #expect(actions.statusCodes == [4])
    #expect(actions.count == 1)
  }

  @Test func lostConnectionStopsEveryHandler() {
    var server = Conversation(.server)
    server.call(1)
    server.call(3)
    let actions = server.run { $0.connectionLost("gone") }
    for stream: StreamID in [1, 3] {
      #expect(actions.cancellation(stream) == .connectionLost)
      #expect(actions.end(stream)??.code == .unavailable)
    }
    #expect(actions.frames.isEmpty)
    #expect(server.run { $0.connectionLost("again") } == [])
  }

  @Test func aHandlerWithoutStatus() {
    var server = Conversation(.server)
    server.call(1)
    let actions = server.run { $0.handlerReturned(1) }
    #expect(actions.statusCodes == [2])
    #expect(actions.contains(.forget(1)))
  }

  /// Found by SimulationTests.
  @Test func okDoesNotFollowAPartOfAMessage() {
    var server = Conversation(.server)
    server.call(1)
    _ = try? server.machine.sendHeaders(1, [:])
    server.run { $0.send(1, [UInt8](repeating: 7, count: 300_000), write: 5) }
    let waiting = server.run { $0.sendStatus(1, Status(code: .ok, message: ""), [:]) }
    #expect(waiting.statusCodes.isEmpty)
    let given = server.run { $0.cancelWrite(1, 5) }
    #expect(given.statusCodes == [UInt8(Status.Code.cancelled.rawValue)])
  }

  @Test func aMessageGivenUpHalfSentMakesTheCallFail() {
    var server = Conversation(.server)
    server.call(1)
    _ = try? server.machine.sendHeaders(1, [:])
    server.run { $0.send(1, [UInt8](repeating: 0, count: 300_000), write: 5) }
    let given = server.run { $0.cancelWrite(1, 5) }
    #expect(given.count == 1 && given.frames.isEmpty)
    #expect(
      server.run { $0.sendStatus(1, Status(code: .ok, message: ""), [:]) }.statusCodes == [1])
  }

  /// Found by SimulationTests: they were read as its rest.
  @Test func messagesDoNotFollowAPartOfOne() {
    var server = Conversation(.server)
    server.call(1)
    _ = try? server.machine.sendHeaders(1, [:])
    server.run { $0.send(1, [UInt8](repeating: 7, count: 300_000), write: 5) }
    server.run { $0.send(1, [8], write: 6) }
    let given = server.run { $0.cancelWrite(1, 5) }
    #expect(given.frames.isEmpty)
    #expect(given.count == 2)
    let granted = server.receive(Frame(.credit, 1, Wire.field(1, 300_000)))
    #expect(granted.frames.isEmpty)
  }

  @Test func aMessageGivenUpUnsentDoesNot() {
    var server = Conversation(.server)
    server.call(1)
    _ = try? server.machine.sendHeaders(1, [:])
    // No turn is taken: nothing has been sent.
    _ = server.machine.send(1, [1], write: 5)
    server.machine.cancelWrite(1, 5).forEach { #expect($0 != .completeWrite(5, nil)) }
    let ended = server.run { $0.sendStatus(1, Status(code: .ok, message: ""), [:]) }
    #expect(ended.frames == [Frame(.status, 1)])
  }

  @Test func creditIsReturnedAsMessagesAreTaken() {
    var server = Conversation(.server)
    server.call(1)
    let chunk = [UInt8](repeating: 0, count: 65_536)
    server.receive(Frame(.message, .last, 1, chunk), Frame(.message, .last, 1, chunk))
    let credit = Frame(.credit, 1, Wire.field(1, 65_536))
    #expect(server.run { $0.messageTaken(1) } == [.send(credit)])
    server.receive(Frame(.halfClose, 1))
    // The client sends nothing more, so that credit is of no use to it.
    #expect(server.run { $0.messageTaken(1) } == [])
  }

  @Test func pingIsReturned() {
    var server = Conversation(.server)
    let payload: [UInt8] = [9, 8, 7, 6, 5, 4, 3, 2, 1]
    #expect(
      server.receive(Frame(.ping, 0, payload)) == [.send(Frame(.ping, .ack, 0, payload))])
    #expect(server.receive(Frame(.ping, .ack, 0, payload)) == [])
  }

  @Test func shutdownLetsCallsEnd() {
    var server = Conversation(.server)
    server.call(5)
    let began = server.run { $0.beginShutdown() }
    #expect(
      began.frames == [
        Frame(.goAway, 0, Wire.hex("08 05 10 01 1a 0d 73 68 75 74 74 69 6e 67 20 64 6f 77 6e"))
      ])
    #expect(!began.closes)
    #expect(server.call(7).statusCodes == [14])
    server.run { $0.sendStatus(5, Status(code: .ok, message: ""), [:]) }
    #expect(server.run { $0.handlerReturned(5) } == [.forget(5)])
    #expect(server.run { $0.beginShutdown() } == [])
  }

  @Test func shutdownClosesWithTheLastStatus() {
    var server = Conversation(.server)
    server.call(1)
    server.run { $0.beginShutdown() }
    let ended = server.run { $0.sendStatus(1, Status(code: .ok, message: ""), [:]) }
    #expect(ended.frames == [Frame(.status, 1)])
    #expect(ended.last == .close)
  }

  @Test func shutdownWithoutCallsClosesAtOnce() {
    var server = Conversation(.server)
    let actions = server.run { $0.beginShutdown() }
    #expect(actions.goAwayReason == 1)
    #expect(actions.last == .close)
  }

  @Test func theGracePeriodEnds() {
    var server = Conversation(.server)
    server.call(1)
    server.run { $0.beginShutdown() }
    let actions = server.run { $0.graceEnded() }
    #expect(actions.statusCodes == [14])
    #expect(actions.cancellation(1) == .shuttingDown)
    #expect(actions.last == .close)
  }

  @Test func callsCountUntilTheirHandlersReturn() {
    var server = Conversation(.server, streams: 2)
    server.call(1)
    server.call(3)
    server.receive(Frame(.cancel, 1))
    #expect(server.call(5).statusCodes == [8])
    server.run { $0.handlerReturned(1) }
    #expect(server.call(7).statusCodes == [])
  }

  @Test func anOversizedStatusStillArrives() {
    var server = Conversation(.server)
    server.call(1)
    var metadata = Metadata()
    metadata.addBinary([UInt8](repeating: 1, count: 70_000), forKey: "grpc-status-details-bin")
    let status = Status(code: .internalError, message: String(repeating: "é", count: 50_000))
    let frames = server.run { $0.sendStatus(1, status, metadata) }.frames
    #expect(frames.count == 1 && frames[0].bytes.count < 65_536)
    #expect(frames[0].bytes.prefix(2) == [0x08, 13])
  }

  @Test func lastStreamNeverGrows() {
    var server = Conversation(.server)
    server.call(5)
    let first = server.run { $0.beginShutdown() }
    #expect(first.frames.first?.bytes.prefix(2) == [0x08, 5])
    server.call(9)
    let second = server.receive(Frame(.headers, 9, Wire.headers("a.B/C")))
    #expect(second.goAwayReason == 2)
    #expect(second.frames.first?.bytes.prefix(2) == [0x08, 5])
  }

  @Test func aNumberLeftOutCountsAsEnded() {
    var server = Conversation(.server)
    server.call(7)
    #expect(server.receive(Frame(.message, .last, 3, [1]), Frame(.cancel, 5)) == [])
    #expect(server.receive(Frame(.credit, 1, [8, 0]), Frame(.halfClose, 1)) == [])
  }

  @Test func aMetadatumWithoutAValueHasTheEmptyOne() {
    var server = Conversation(.server)
    let actions = server.call(1, [Wire.field(1, "a".utf8), Wire.field(1, "a-bin".utf8)])
    guard case .start(_, let call)? = actions.first else {
      Issue.record("no call began")
      return
    }
    #expect(Array(call.metadata[stringValues: "a"]) == [""])
    #expect(Array(call.metadata[binaryValues: "a-bin"]) == [[]])
  }

  @Test func oversizedHeadersAreNotParsed() {
    var server = Conversation(.server)
    let actions = server.receive(Frame(.headers, 1, [UInt8](repeating: 0xff, count: 65_537)))
    #expect(actions.statusCodes == [8])
    #expect(actions.goAwayReason == nil)
  }

  @Test func anEndOfInputLetsWholeRequestsEnd() {
    var server = Conversation(.server)
    server.call(1)
    server.receive(Frame(.halfClose, 1))
    server.call(3)
    let ended = server.run { $0.inputEnded() }
    #expect(ended.statusCodes == [1])
    #expect(ended.cancellation(3) == .connectionLost && ended.cancellation(1) == nil)
    #expect(ended.goAwayReason == nil)
    _ = server.run { $0.handlerReturned(3) }
    // More than the credit, which nobody can renew.
    _ = try? server.machine.sendHeaders(1, [:])
    let sent = server.run { $0.send(1, [UInt8](repeating: 7, count: 1 << 20), write: 1) }
    #expect(sent.frames.filter { $0.kind == .message }.map(\.bytes.count).reduce(0, +) == 1 << 20)
    let last = server.run { $0.sendStatus(1, Status(code: .ok, message: ""), [:]) }
    #expect(last.statusCodes == [0])
    #expect(last.closes)
  }

  /// Each takes memory besides its bytes, and costs one byte of credit.
  @Test func messagesWithoutBytesAreHeldToo() {
    var server = Conversation(.server)
    server.call(1)
    let before = server.machine.load.heldBytes
    for _ in 0..<1_000 { server.receive(Frame(.message, .last, 1, [])) }
    server.receive(Frame(.message, .last, 1, [UInt8](repeating: 0, count: 5_000)))
    #expect(server.machine.load.heldBytes == before + 1_000 * 128 + 5_000)
    for _ in 0..<1_001 { server.run { $0.messageTaken(1) } }
    #expect(server.machine.load.heldBytes == before)
  }

  @Test func theCallThatHoldsTheMostGoes() {
    var server = Conversation(.server)
    for stream in [1, 3, 5] as [StreamID] { server.call(stream) }
    server.receive(Frame(.message, .last, 1, [UInt8](repeating: 0, count: 5_000)))
    server.receive(Frame(.message, 3, [UInt8](repeating: 0, count: 9_000)))
    let before = server.machine.load
    #expect(before.streams == 3 && before.heldBytes > 14_000)
    let shed = server.run { $0.shed() }
    #expect(shed.statusCodes == [8])
    #expect(shed.cancellation(3) == .inputLimit)
    #expect(server.machine.load.heldBytes == before.heldBytes - 9_000 - 23)
    server.run { $0.messageTaken(1) }
    #expect(server.machine.load.heldBytes == 2 * 23)
    server.run { $0.sendStatus(5, Status(code: .ok, message: ""), [:]) }
    server.run { $0.handlerReturned(5) }
    #expect(server.machine.load.streams == 2 && server.machine.load.heldBytes == 23)
  }
}
