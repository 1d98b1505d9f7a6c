package import GRPCCore

/// What the application wants.
extension ConnectionStateMachine {
  // MARK: Client

  /// Opens a stream for a call.
  ///
  /// - Parameters:
  ///   - metadata: As GRPCCore gives it; `grpc-timeout` is written anew.
  ///   - messageLimit: The most bytes a response message may have.
  ///   - isRepeatable: Whether what is sent is kept until the server is known to have seen the call, for
  ///     ``ConnectionAction/unseen(_:_:)``.
  package mutating func open(
    _ method: MethodDescriptor, _ metadata: Metadata, messageLimit: Int, isRepeatable: Bool = true
  ) throws(RPCError) -> (StreamID, [ConnectionAction]) {
    guard self.isAlive, !self.hasReceivedGoAway, !self.hasSentGoAway else {
      throw self.ending?.error
        ?? RPCError(code: .unavailable, message: "the connection to the server is closing")
    }
    guard self.highest <= UInt32.max - 2 else {
      throw RPCError(code: .unavailable, message: "this connection has used all its streams")
    }
    let id = self.highest == 0 ? 1 : self.highest + 2
    var metadata = metadata
    let timeout = try metadata.takeTimeout()
    if let timeout {
      guard timeout.amount > 0 else { throw Self.deadlineExceeded }
      metadata.addString(timeout.text, forKey: CallTimeout.key)
    }
    let headers = try Frame.headers(
      method: MethodPath(method).text, metadata, stream: id)
    self.highest = id
    self.streams[id] = StreamStateMachine(id: id, role: .client, messageLimit: messageLimit)
    if isRepeatable { self.streams[id]?.queue.keepUnseen() }
    self.actions.append(.send(headers))
    if let duration = timeout?.duration { self.actions.append(.startTimer(id, duration)) }
    return (id, self.drainActions())
  }

  /// The client sends no further message.
  package mutating func halfClose(_ id: StreamID) -> [ConnectionAction] {
    if self.streams[id]?.halfClose() == true { self.scheduleTurn(id) }
    return self.drainActions()
  }

  /// The client no longer wants the call; its reader sees `error`.
  package mutating func cancel(_ id: StreamID, _ error: RPCError) -> [ConnectionAction] {
    self.fail(id, error, .cancelledByClient)
    return self.drainActions()
  }

  // MARK: Server

  /// The response begins.
  package mutating func sendHeaders(
    _ id: StreamID, _ metadata: Metadata
  ) throws(RPCError) -> [ConnectionAction] {
    guard self.streams[id] != nil else { throw Self.responseEnded }
    let frame = try Frame.headers(method: "", metadata, stream: id)
    try self.streams[id]?.sendHeaders()
    self.actions.append(.send(frame))
    return self.drainActions()
  }

  /// The response ends, after the messages that wait. Nothing happens if it has ended already.
  package mutating func sendStatus(
    _ id: StreamID, _ status: Status, _ metadata: Metadata
  ) -> [ConnectionAction] {
    if self.streams[id]?.sendStatus(status, metadata) == true { self.scheduleTurn(id) }
    return self.drainActions()
  }

  /// The handler has returned; if it left no status, the call fails.
  package mutating func handlerReturned(_ id: StreamID) -> [ConnectionAction] {
    self.streams[id]?.hasReturned = true
    if let stream = self.streams[id], !stream.hasStatus {
      let error = RPCError(code: .unknown, message: "the handler returned without a status")
      self.fail(id, error, .protocolError)
    }
    self.forgetIfDone(id)
    return self.drainActions()
  }

  // MARK: Both

  /// A message is to be sent; ``ConnectionAction/completeWrite(_:_:)`` tells when it has gone.
  package mutating func send(
    _ id: StreamID, _ message: [UInt8], write: WriteID
  ) -> [ConnectionAction] {
    do {
      guard self.streams[id] != nil else { throw self.ending?.error ?? Self.responseEnded }
      try self.streams[id]?.send(message, write: write)
      self.scheduleTurn(id)
    } catch let error as RPCError {
      self.actions.append(.completeWrite(write, error))
    } catch {
      // `send` throws no other kind of error.
    }
    return self.drainActions()
  }

  /// A writer gave up. A message of which a part has gone makes the call fail: the client cancels it,
  /// the server ends it with a status other than OK.
  package mutating func cancelWrite(_ id: StreamID, _ write: WriteID) -> [ConnectionAction] {
    let error = RPCError(code: .cancelled, message: "the task that wrote was cancelled")
    switch self.streams[id]?.cancel(write) {
    case .unsent:
      self.actions.append(.completeWrite(write, error))
      self.scheduleTurn(id)
    case .halfSent:
      self.actions.append(.completeWrite(write, error))
      if let dropped = self.streams[id]?.dropMessages() {
        for write in dropped.writes { self.actions.append(.completeWrite(write, dropped.error)) }
      }
      if self.role == .client { self.fail(id, error, .cancelledByClient) }
      self.scheduleTurn(id)
    case .unknown, nil:
      break
    }
    return self.drainActions()
  }

  /// The reader took a message.
  package mutating func messageTaken(_ id: StreamID) -> [ConnectionAction] {
    self.streams[id]?.take()
    self.grantCredit(id)
    return self.drainActions()
  }

  /// The reader has taken everything and waits.
  package mutating func messageAwaited(_ id: StreamID) -> [ConnectionAction] {
    self.streams[id]?.window.awaitMessage()
    self.grantCredit(id)
    return self.drainActions()
  }

  /// The timer of a call has ended.
  package mutating func deadlinePassed(_ id: StreamID) -> [ConnectionAction] {
    self.fail(id, Self.deadlineExceeded, .deadlineExceeded)
    return self.drainActions()
  }

  /// Returns credit to the peer, if enough has come together and it can use it.
  mutating func grantCredit(_ id: StreamID) {
    guard self.isAlive, !self.hasInputEnded, self.streams[id]?.mayReceive == true,
      let bytes = self.streams[id]?.window.grant()
    else { return }
    self.actions.append(.send(.credit(bytes, stream: id)))
  }
}
