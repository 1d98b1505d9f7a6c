internal import GRPCCore
internal import NIOCore

/// What comes in from the peer.
extension ConnectionStateMachine {
  /// The peer's preface is here.
  package mutating func received(_ preface: Preface) -> [ConnectionAction] {
    guard self.phase == .opening else { return [] }
    guard preface.major == FramedTransport.version.major else {
      self.violate(
        ProtocolViolation(
          .version,
          "the peer speaks framing \(preface.major).\(preface.minor); this side speaks "
            + "\(FramedTransport.version.major).\(FramedTransport.version.minor)"))
      return self.drainActions()
    }
    self.phase = .open
    return self.drainActions()
  }

  /// A frame is here, after the preface.
  package mutating func received(_ frame: Frame) -> [ConnectionAction] {
    guard self.phase == .open else { return [] }
    do {
      try self.check(frame)
      try self.handle(frame)
    } catch {
      self.violate(error)
    }
    return self.drainActions()
  }

  /// Flags, stream and direction, by the table of framing.md, section 2.
  private func check(_ frame: Frame) throws(ProtocolViolation) {
    let allowed: Frame.Flags
    let isOfStream: Bool
    let isFromPeer: Bool
    switch frame.kind {
    case .headers, .credit: (allowed, isOfStream, isFromPeer) = ([], true, true)
    case .message: (allowed, isOfStream, isFromPeer) = (.last, true, true)
    case .halfClose, .cancel: (allowed, isOfStream, isFromPeer) = ([], true, self.role == .server)
    case .status: (allowed, isOfStream, isFromPeer) = ([], true, self.role == .client)
    case .ping: (allowed, isOfStream, isFromPeer) = (.ack, false, true)
    case .goAway: (allowed, isOfStream, isFromPeer) = ([], false, true)
    }
    guard allowed.isSuperset(of: frame.flags) else {
      throw ProtocolViolation(
        .protocolError, "\(frame.kind) has unknown flags \(frame.flags.rawValue)")
    }
    guard isOfStream ? frame.stream % 2 == 1 : frame.stream == 0 else {
      throw ProtocolViolation(
        .protocolError,
        "\(frame.kind) came on stream \(frame.stream); it belongs on "
          + (isOfStream ? "an odd one" : "stream 0"))
    }
    guard isFromPeer else {
      throw ProtocolViolation(
        .protocolError,
        "\(frame.kind) came from the \(self.role == .client ? "server" : "client")")
    }
  }

  private mutating func handle(_ frame: Frame) throws(ProtocolViolation) {
    switch frame.kind {
    case .ping: try self.handlePing(frame)
    case .goAway: self.handleGoAway(try frame.decode(GoAwayPayload.self))
    case .headers where self.role == .server: try self.handleRequest(frame)
    default: try self.handleOnStream(frame)
    }
  }

  private mutating func handlePing(_ frame: Frame) throws(ProtocolViolation) {
    _ = try frame.decode(PingPayload.self)
    guard frame.flags != .ack else { return }
    var answer = frame
    answer.flags = .ack
    self.actions.append(.send(answer))
  }

  private mutating func handleGoAway(_ goAway: GoAwayPayload) {
    self.hasReceivedGoAway = true
    let error = RPCError(goAway)
    self.ending = ConnectionEnding(error: error, allowsAnother: goAway.reason == .shutdown)
    switch (goAway.reason, self.role) {
    case (.shutdown, .client):
      self.actions.append(.retire)
      for id in self.streams.keys.sorted() where id > goAway.lastStream {
        self.end(id, error, isUnseen: true)
        self.forget(id)
      }
      self.closeIfDrained()
    case (.shutdown, .server):
      // The client closes when its last call has ended.
      break
    default:
      self.phase = .closing
      self.endAll(error, .connectionLost)
      self.actions.append(.close)
    }
  }

  // MARK: A new call

  private mutating func handleRequest(_ frame: Frame) throws(ProtocolViolation) {
    let id = frame.stream
    guard id > self.highest else {
      throw ProtocolViolation(
        .protocolError, "HEADERS came on stream \(id); it must be above \(self.highest)")
    }
    guard !self.hasReceivedGoAway else {
      throw ProtocolViolation(
        .protocolError,
        "HEADERS came on stream \(id) after GO_AWAY, by which the client opens no further stream")
    }
    self.highest = id
    do {
      let call = try self.request(frame)
      let path = MethodPath(call.method)
      self.streams[id] = StreamStateMachine(
        id: id, role: .server, messageLimit: self.messageLimits[path],
        headersBytes: frame.payload.readableBytes)
      self.actions.append(.start(id, call))
      if let timeout = call.timeout { self.actions.append(.startTimer(id, timeout)) }
    } catch let refusal as RPCError {
      self.actions.append(.send(.status(Status(refusal), stream: id)))
    } catch let violation as ProtocolViolation {
      throw violation
    } catch {
      // `request` throws no third kind of error.
      throw ProtocolViolation(.protocolError, "\(error)")
    }
  }

  /// Reads HEADERS, or throws an `RPCError` with which the call is refused.
  private func request(_ frame: Frame) throws -> IncomingCall {
    guard frame.payload.readableBytes <= MetadataLimit.payloadBytes else {
      throw Self.tooLarge(frame)
    }
    let headers = try frame.decode(HeadersPayload.self)
    guard !self.hasSentGoAway else {
      throw RPCError(code: .unavailable, message: "the server is shutting down")
    }
    guard let path = MethodPath(headers.method) else {
      throw RPCError(
        code: .unimplemented,
        message: "the method \"\(headers.method.prefix(128))\" is not package.Service/Method")
    }
    var metadata = try Metadata(headers.metadata)
    let timeout = try metadata.takeTimeout()?.duration
    guard self.streams.count < self.maximumStreams else {
      throw RPCError(
        code: .resourceExhausted,
        message: "too many calls on this connection: \(self.maximumStreams) are running already")
    }
    if let timeout, timeout <= .zero { throw Self.deadlineExceeded }
    return IncomingCall(method: path.descriptor, metadata: metadata, timeout: timeout)
  }

  private static func tooLarge(_ frame: Frame) -> RPCError {
    RPCError(
      code: .resourceExhausted,
      message: "the payload of \(frame.kind) has \(frame.payload.readableBytes) bytes; "
        + "at most \(MetadataLimit.payloadBytes) are taken")
  }

  static let deadlineExceeded = RPCError(
    code: .deadlineExceeded, message: "the call's deadline has passed")

  // MARK: A call that has been opened

  private mutating func handleOnStream(_ frame: Frame) throws(ProtocolViolation) {
    let id = frame.stream
    guard id <= self.highest else {
      throw ProtocolViolation(
        .protocolError,
        "\(frame.kind) came on stream \(id); the highest that was opened is \(self.highest)")
    }
    // Any frame of a stream says that the peer has seen it.
    self.streams[id]?.queue.forgetUnseen()
    // Decoded even where the stream has ended: garbage is garbage.
    switch frame.kind {
    case .headers:
      let headers: HeadersPayload? = try self.metadataPayload(frame)
      self.onStream(id) { machine throws(RPCError) in
        try machine.responseBegan(id, headers.orThrow(Self.tooLarge(frame)))
      }
    case .message:
      self.onStream(id) { machine throws(RPCError) in
        let isLast = frame.flags.contains(.last)
        let message = try machine.streams[id]?.receive(fragment: frame.payload, isLast: isLast)
        if let message { machine.actions.append(.deliver(id, .message(message))) }
        machine.grantCredit(id)
      }
    case .halfClose:
      guard frame.payload.readableBytes == 0 else {
        throw ProtocolViolation(.protocolError, "HALF_CLOSE has a payload")
      }
      self.onStream(id) { machine throws(RPCError) in
        try machine.streams[id]?.receiveHalfClose()
        machine.actions.append(.finish(id, nil))
      }
    case .status:
      let status: StatusPayload? = try self.metadataPayload(frame)
      self.onStream(id) { machine throws(RPCError) in
        try machine.responseEnded(id, status.orThrow(Self.tooLarge(frame)))
      }
    case .cancel:
      let cancel = try frame.decode(CancelPayload.self)
      self.onStream(id) { machine throws(RPCError) in machine.cancelled(id, cancel) }
    case .credit:
      let credit = try frame.decode(CreditPayload.self)
      self.onStream(id) { machine throws(RPCError) in
        try machine.streams[id]?.receive(credit: credit.bytes)
        machine.scheduleTurn(id)
      }
    case .ping, .goAway:
      // Handled as the connection's own.
      break
    }
  }

  /// Runs `body` if the stream still lives; what it throws ends the stream.
  private mutating func onStream(
    _ id: StreamID, _ body: (inout Self) throws(RPCError) -> Void
  ) {
    guard self.streams[id]?.hasEnded == false else { return }
    do {
      try body(&self)
    } catch {
      self.fail(id, error, .protocolError)
    }
  }

  /// The payload of HEADERS or STATUS; nil if it is over the limit, which only the stream pays for.
  private func metadataPayload<Payload: ControlPayload>(
    _ frame: Frame
  ) throws(ProtocolViolation) -> Payload? {
    guard frame.payload.readableBytes <= MetadataLimit.payloadBytes else { return nil }
    return try frame.decode(Payload.self)
  }

  private mutating func responseBegan(
    _ id: StreamID, _ headers: HeadersPayload
  ) throws(RPCError) {
    try self.streams[id]?.receiveHeaders()
    let metadata = try Self.responseMetadata(headers.metadata)
    self.actions.append(.deliver(id, .metadata(metadata)))
  }

  private mutating func responseEnded(
    _ id: StreamID, _ payload: StatusPayload
  ) throws(RPCError) {
    let status = Status(payload)
    try self.streams[id]?.checkStatus(isOK: status.code == .ok)
    let metadata = try Self.responseMetadata(payload.metadata)
    self.actions.append(.deliver(id, .status(status, metadata)))
    self.end(id, RPCError(status: status) ?? Self.responseEnded, readerIsDone: true)
    self.forget(id)
  }

  private mutating func cancelled(_ id: StreamID, _ payload: CancelPayload) {
    if payload.code == UInt32(RPCError.Code.deadlineExceeded.rawValue) {
      self.fail(id, Self.deadlineExceeded, .deadlineExceeded)
    } else {
      let error = RPCError(code: .cancelled, message: "cancelled by the client")
      self.fail(id, error, .cancelledByClient)
    }
  }

  /// Metadata of a response; what is wrong with it is the server's fault, not an argument's.
  private static func responseMetadata(_ list: [Metadatum]) throws(RPCError) -> Metadata {
    do {
      return try Metadata(list)
    } catch {
      guard error.code == .invalidArgument else { throw error }
      throw RPCError(code: .internalError, message: error.message)
    }
  }
}

extension Optional {
  fileprivate func orThrow(_ error: @autoclosure () -> RPCError) throws(RPCError) -> Wrapped {
    guard let self else { throw error() }
    return self
  }
}
