import FramedTransport
import GRPCCore
import Testing

/// The client's side of framing.md without a socket.
@Suite struct ClientMachineTests {
  private let method = MethodDescriptor(fullyQualifiedService: "riff.v1.Riff", method: "Generate")

  @Test func streamsAreOddAndIncrease() throws {
    var client = Conversation(.client)
    #expect(try client.open() == 1)
    #expect(try client.open() == 3)
    #expect(try client.open() == 5)
  }

  @Test func headersCarryMethodAndMetadata() throws {
    var client = Conversation(.client)
    var metadata: Metadata = ["UPPER": "v"]
    metadata.addBinary([1, 2], forKey: "raw-bin")
    metadata.addString("AQI=", forKey: "base64-bin")
    let (_, actions) = try client.machine.open(self.method, metadata, messageLimit: 10)
    let expected = Wire.headers(
      "riff.v1.Riff/Generate",
      [
        Wire.text("upper", "v"), Wire.binary("raw-bin", [1, 2]), Wire.binary("base64-bin", [1, 2]),
      ])
    #expect(actions == [.send(Frame(.headers, 1, expected))])
  }

  @Test func theTimeoutOfGRPCCoreIsWrittenAnew() throws {
    var client = Conversation(.client)
    let (_, actions) = try client.machine.open(
      self.method, ["grpc-timeout": "14999995u"], messageLimit: 10)
    #expect(actions.frames[0].bytes.suffix(8) == [0x12, 6] + Array("15000m".utf8))
    #expect(actions.contains(.startTimer(1, .microseconds(14_999_995))))
  }

  @Test(
    arguments: [
      ["k": "line\nbreak"], ["ké": "v"], ["k y": "v"], ["": "v"], ["x-bin": "not base64!"],
      ["grpc-timeout": "soon"],
    ] as [Metadata])
  func badMetadataIsNotSent(metadata: Metadata) throws {
    var client = Conversation(.client)
    #expect {
      try client.open(metadata)
    } throws: { error in
      (error as? RPCError)?.code == .invalidArgument
    }
    #expect(try client.open() == 1)
  }

  @Test func tooMuchMetadataIsNotSent() {
    var client = Conversation(.client)
    var long = Metadata()
    for index in 0..<300 { long.addString("v", forKey: "k\(index)") }
    for metadata in [["k": .string(String(repeating: "x", count: 70_000))], long] {
      #expect {
        try client.open(metadata)
      } throws: { error in
        (error as? RPCError)?.code == .resourceExhausted
      }
    }
  }

  @Test func aResponse() throws {
    var client = Conversation(.client)
    let id = try client.open()
    #expect(
      client.receive(Frame(.headers, id, Wire.headers("", [Wire.text("a", "b")])))
        == [.deliver(id, .metadata(["a": "b"]))])
    #expect(client.receive(Frame(.message, id, [1])) == [])
    #expect(client.receive(Frame(.message, .last, id, [])) == [.deliver(id, .message([1]))])
    let ended = client.receive(Frame(.status, id, Wire.status(5, "none", [Wire.text("t", "u")])))
    #expect(
      ended == [
        .deliver(id, .status(Status(code: .notFound, message: "none"), ["t": "u"])),
        .finish(id, nil), .forget(id),
      ])
    // What crosses on the way is skipped.
    #expect(
      client.receive(
        Frame(.headers, id), Frame(.message, id, [2]), Frame(.credit, id, [8, 1]),
        Frame(.status, id)) == [])
  }

  @Test func statusAlone() throws {
    var client = Conversation(.client)
    let id = try client.open()
    let actions = client.receive(Frame(.status, id, Wire.status(12)))
    #expect(
      actions.first
        == .deliver(id, .status(Status(code: .unimplemented, message: ""), [:])))
    #expect(actions.end(id) == .some(nil))
  }

  @Test func anUnknownCodeReadsAsUnknown() throws {
    var client = Conversation(.client)
    let id = try client.open()
    let actions = client.receive(Frame(.status, id, Wire.status(17)))
    #expect(actions.first == .deliver(id, .status(Status(code: .unknown, message: ""), [:])))
  }

  @Test func statusWakesAWriterWithoutCredit() throws {
    var client = Conversation(.client)
    let id = try client.open()
    client.run { $0.send(id, [UInt8](repeating: 0, count: 300_000), write: 3) }
    let actions = client.receive(Frame(.status, id, Wire.status(8)))
    #expect(
      actions.contains {
        if case .completeWrite(3, let error) = $0 {
          error?.code == .resourceExhausted
        } else {
          false
        }
      })
    #expect(actions.frames.isEmpty)
  }

  @Test func cancelIsSentOnce() throws {
    var client = Conversation(.client)
    let id = try client.open()
    let error = RPCError(code: .cancelled, message: "enough")
    let actions = client.run { $0.cancel(id, error) }
    #expect(actions.frames == [Frame(.cancel, id, [8, 1])])
    #expect(actions.end(id) == .some(error))
    #expect(client.run { $0.cancel(id, error) } == [])
    #expect(client.receive(Frame(.status, id, Wire.status(1))) == [])
  }

  @Test func theDeadlineCancels() throws {
    var client = Conversation(.client)
    let id = try client.open(["grpc-timeout": "1S"])
    let actions = client.run { $0.deadlinePassed(id) }
    #expect(actions.frames == [Frame(.cancel, id, [8, 4])])
    #expect(actions.end(id)??.code == .deadlineExceeded)
  }

  @Test func aLostConnectionIsUnavailable() throws {
    var client = Conversation(.client)
    let id = try client.open()
    let actions = client.run { $0.connectionLost("gone") }
    #expect(actions.end(id)??.code == .unavailable)
    #expect(actions.contains(.retire))
    #expect {
      try client.open()
    } throws: { error in
      (error as? RPCError)?.code == .unavailable
    }
  }

  @Test func goAwayEndsWhatWasNeverBegun() throws {
    var client = Conversation(.client)
    let (one, three) = (try client.open(), try client.open())
    let actions = client.receive(Frame(.goAway, 0, Wire.field(1, 1) + Wire.field(2, 1)))
    #expect(actions.contains(.retire) && !actions.closes)
    #expect(actions.end(three)??.code == .unavailable)
    #expect(actions.end(one) == nil)
    #expect(throws: RPCError.self) { try client.open() }
    #expect(client.receive(Frame(.status, one)).last == .close)
  }

  /// What had gone whole is handed back, before anybody gets an error; the half message is its writer's.
  @Test func aCallThatWasNeverSeenIsHandedBack() throws {
    var client = Conversation(.client)
    let id = try client.open()
    client.run { $0.send(id, [1, 2], write: 1) }
    client.run { $0.send(id, [], write: 2) }
    client.run { $0.send(id, [UInt8](repeating: 3, count: 300_000), write: 3) }
    let actions = client.receive(Frame(.goAway, 0, Wire.field(2, 1) + Wire.field(3, "full".utf8)))
    let error = RPCError(code: .unavailable, message: "the peer has ended the connection: full")
    #expect(
      actions == [
        .retire, .unseen(id, UnseenCall(messages: [[1, 2], []], error: error)),
        .completeWrite(3, error), .finish(id, error), .forget(id), .close,
      ])
  }

  @Test func anyFrameOfAStreamSaysThatItWasSeen() throws {
    let away = Frame(.goAway, 0, Wire.field(2, 1))
    for frame in [Frame(.headers, 1), Frame(.credit, 1, [8, 1])] {
      var client = Conversation(.client)
      let (one, three) = (try client.open(), try client.open())
      client.receive(frame)
      let actions = client.receive(away)
      #expect(actions.unseen(one) == nil && actions.end(one)??.code == .unavailable)
      #expect(actions.unseen(three) != nil)
    }
    // Not one that GO_AWAY lets go on, nor one that has been made again already.
    var client = Conversation(.client)
    let one = try client.open()
    let lastStream = Frame(.goAway, 0, Wire.field(1, 1) + Wire.field(2, 1))
    #expect(client.receive(lastStream).unseen(one) == nil)
    #expect(client.run { $0.connectionLost("gone") }.unseen(one) == nil)
    var again = Conversation(.client)
    let (id, _) = try again.machine.open(
      self.method, [:], messageLimit: 10, isRepeatable: false)
    #expect(again.receive(away).unseen(id) == nil)
  }

  @Test func aConnectionThatEndsBeforeThePrefaceHasSeenNothing() throws {
    for byUs in [false, true] {
      var early = ConnectionStateMachine(role: .client)
      let (id, _) = try early.open(self.method, [:], messageLimit: 10)
      let actions = early.connectionLost("gone", byUs: byUs)
      #expect((actions.unseen(id) == nil) == byUs)
      #expect(actions.end(id)??.code == .unavailable)
    }
    var stranger = ConnectionStateMachine(role: .client)
    let (id, _) = try stranger.open(self.method, [:], messageLimit: 10)
    #expect(stranger.received(Preface(major: 2, minor: 0)).unseen(id) == nil)
    #expect(stranger.connectionLost("gone").unseen(id) == nil)
  }

  @Test func goAwayForPermissionSaysSo() throws {
    var client = Conversation(.client)
    let id = try client.open()
    let actions = client.receive(
      Frame(.goAway, 0, Wire.field(2, 5) + Wire.field(3, "not you".utf8)))
    #expect(actions.end(id)??.code == .permissionDenied)
    #expect(actions.end(id)??.message.contains("not you") == true)
    #expect(actions.last == .close)
  }

  @Test func halfCloseFollowsTheMessages() throws {
    var client = Conversation(.client)
    let id = try client.open()
    client.run { $0.send(id, [UInt8](repeating: 0, count: 262_145), write: 3) }
    #expect(client.run { $0.halfClose(id) }.frames == [])
    let rest = client.receive(Frame(.credit, id, [8, 1]))
    #expect(rest.frames == [Frame(.message, .last, id, [0]), Frame(.halfClose, id)])
    #expect(client.run { $0.halfClose(id) } == [])
  }

  @Test func aWriteGivenUpHalfSentCancelsTheCall() throws {
    var client = Conversation(.client)
    let id = try client.open()
    client.run { $0.send(id, [UInt8](repeating: 0, count: 300_000), write: 3) }
    let actions = client.run { $0.cancelWrite(id, 3) }
    #expect(actions.frames == [Frame(.cancel, id, [8, 1])])
    #expect(actions.end(id)??.code == .cancelled)
  }

  @Test func aBeginningShutdownSaysGoodbye() {
    var client = Conversation(.client)
    let actions = client.run { $0.beginShutdown() }
    #expect(actions.goAwayReason == 1)
    #expect(actions.last == .close)
  }

  @Test func whyAConnectionTakesNoCall() throws {
    let overloaded = Frame(.goAway, 0, Wire.field(2, 6) + Wire.field(3, "full".utf8))
    let shutdown = Frame(.goAway, 0, Wire.field(2, 1) + Wire.field(3, "evicted".utf8))
    for (frame, says, allowsAnother) in [(overloaded, "full", false), (shutdown, "evicted", true)] {
      var client = Conversation(.client)
      client.receive(frame)
      client.run { $0.connectionLost("the socket is gone") }
      #expect(client.machine.ending?.allowsAnother == allowsAnother)
      #expect {
        try client.open()
      } throws: { error in
        (error as? RPCError)?.message.contains(says) == true
      }
    }
    var lost = Conversation(.client)
    lost.run { $0.connectionLost("the socket is gone") }
    #expect(lost.machine.ending?.allowsAnother == true)
    for byUs in [false, true] {
      var early = ConnectionStateMachine(role: .client)
      _ = early.connectionLost("no preface came", byUs: byUs)
      #expect(early.ending?.allowsAnother == !byUs)
    }
    var broken = Conversation(.client)
    broken.receive(Frame(.status, 0))
    #expect(broken.machine.ending?.allowsAnother == false)
    #expect {
      try broken.open()
    } throws: { error in
      (error as? RPCError)?.message.contains("broke a rule") == true
    }
  }
}
