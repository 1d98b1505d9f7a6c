internal import GRPCCore
internal import NIOCore

/// Feeds a ``ConnectionStateMachine`` from a channel and does what it asks for. Confined to the
/// channel's event loop.
final class ConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = FrameReader.Unit
  typealias OutboundOut = ByteBuffer

  /// What the handler tells the transport it belongs to, on the event loop.
  struct Observer: Sendable {
    /// Looks at the connection before anything is read; a violation refuses it.
    var admit: @Sendable (ConnectionLink, PeerCredentials?) -> ProtocolViolation?
    /// Server: takes up a call; false if none is taken up any more.
    var accept: @Sendable (StreamEndpoint, IncomingCall, PeerCredentials?) -> Bool = { _, _, _ in
      false
    }
    /// Server: the connection's load has changed; the connection whose largest call has to end, if all
    /// connections together hold too much.
    var loaded: @Sendable (ConnectionLink, ConnectionLoad) -> ConnectionLink? = { _, _ in nil }
    /// The connection is about to close; whether it may wait until the peer has read why.
    var mayLinger: @Sendable (ConnectionLink) -> Bool = { _ in false }
    /// Client: no further stream is to be opened here.
    var retired: @Sendable (ConnectionLink) -> Void = { _ in }
    var closed: @Sendable (ConnectionLink) -> Void
  }

  /// Answers that the peer does not read may pile up to this many bytes.
  private static let maximumUnread = 4 << 20
  /// How long closing may take: the peer reads what was sent before, and closes.
  private static let linger = TimeAmount.seconds(2)

  private var machine: ConnectionStateMachine
  private let role: StreamStateMachine.Role
  private let observer: Observer
  private let handshakeTimeout: TimeAmount

  private var context: ChannelHandlerContext?
  private var link: ConnectionLink?
  private var credentials: PeerCredentials?
  private var handshake: Scheduled<Void>?
  private var closing: Scheduled<Void>?
  private var endpoints: [StreamID: StreamEndpoint] = [:]
  private var timers: [StreamID: Scheduled<Void>] = [:]
  private var writers: [WriteID: CheckedContinuation<Void, any Error>] = [:]

  private var actions = CircularBuffer<ConnectionAction>()
  private var isApplying = false
  /// Whether the channel has closed.
  private var isGone = false
  private var load = ConnectionLoad()
  /// Server: how long a stream may wait for its client once an orderly end has begun.
  var stallTime = TimeAmount.seconds(5)
  /// Streams that wait for credit or for room in the socket, and since when.
  private var stalls: [StreamID: (fragments: Int, since: NIODeadline)] = [:]
  private var stallTimer: Scheduled<Void>?
  private var hasInputEnded = false
  private var isReading = false
  private var needsFlush = false
  private var lossMessage = "the connection was lost"
  /// The peer's preface did not come in time.
  private var hasGivenUp = false

  init(
    machine: ConnectionStateMachine, role: StreamStateMachine.Role, handshakeTimeout: TimeAmount,
    observer: Observer
  ) {
    self.machine = machine
    self.role = role
    self.handshakeTimeout = handshakeTimeout
    self.observer = observer
  }

  /// Puts a decoder and a handler into a new channel, on its event loop.
  static func install(
    _ handler: ConnectionHandler, in channel: any Channel
  ) throws -> ConnectionLink {
    let link = ConnectionLink(channel: channel, handler: handler)
    handler.link = link
    try channel.pipeline.syncOperations.addHandlers(
      ByteToMessageHandler(FrameDecoder()), handler)
    return link
  }

  // MARK: The channel's events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    self.link = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    guard let link = self.link else { return }
    var buffer = context.channel.allocator.buffer(capacity: Preface.length)
    FramedTransport.version.write(to: &buffer)
    context.writeAndFlush(Self.wrapOutboundOut(buffer), promise: nil)
    self.credentials = PeerCredentials(of: context)
    if let refusal = self.observer.admit(link, self.credentials) {
      return self.apply { $0.violated(refusal) }
    }
    self.handshake = context.eventLoop.assumeIsolated().scheduleTask(in: self.handshakeTimeout) {
      self.handshake = nil
      self.lossMessage = "the peer did not begin with its preface in time"
      self.hasGivenUp = true
      self.context?.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // What a peer still writes while this side closes is read, so that it can read, too, and dropped.
    guard self.closing == nil else { return }
    self.isReading = true
    switch Self.unwrapInboundIn(data) {
    case .preface(let preface):
      self.handshake?.cancel()
      self.handshake = nil
      self.apply { $0.received(preface) }
    case .frame(let frame):
      self.apply { $0.received(frame) }
    }
    if !context.channel.isWritable { self.checkUnread(context) }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.isReading = false
    self.apply { _ in [] }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    self.apply { _ in [] }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .inputClosed? = event as? ChannelEvent else {
      return context.fireUserInboundEventTriggered(event)
    }
    self.isReading = false
    self.hasInputEnded = true
    if self.closing == nil { self.apply { $0.inputEnded() } }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.isReading = false
    // After an error the decoder reports every further piece as one.
    if self.closing != nil, error is ByteToMessageDecoderError || error is ProtocolViolation {
      return
    }
    if let violation = error as? ProtocolViolation {
      return self.apply { $0.violated(violation) }
    }
    self.lossMessage = "the connection was lost: \(error)"
    context.close(promise: nil)
  }

  /// It may come in the middle of ``apply(_:)``, from a flush that fails; then that does the rest.
  func channelInactive(context: ChannelHandlerContext) {
    self.isGone = true
    let (message, byUs) = (self.lossMessage, self.hasGivenUp)
    self.apply { $0.connectionLost(message, byUs: byUs) }
  }

  /// The channel has closed, and every stream has heard of it.
  private func leave() {
    for timer in [self.handshake, self.closing, self.stallTimer] { timer?.cancel() }
    for timer in self.timers.values { timer.cancel() }
    self.timers = [:]
    self.endpoints = [:]
    if let link = self.link.take() { self.observer.closed(link) }
  }

  /// A peer that asks and never reads the answers is let go before they fill the memory.
  private func checkUnread(_ context: ChannelHandlerContext) {
    let unread = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
    guard let unread, unread > Self.maximumUnread else { return }
    self.apply {
      $0.violated(
        ProtocolViolation(.overloaded, "\(unread) bytes wait that the peer does not read"))
    }
  }

  // MARK: The state machine's actions

  /// Reports an event and does what follows from it, and sends while the socket takes more.
  private func apply(_ event: (inout ConnectionStateMachine) -> [ConnectionAction]) {
    self.actions.append(contentsOf: event(&self.machine))
    guard !self.isApplying else { return }
    self.isApplying = true
    self.performAll()
    self.isApplying = false
    self.noteStalls()
    if self.isGone { self.leave() } else { self.reportLoad() }
  }

  private func performAll() {
    while true {
      while let action = self.actions.popFirst() { self.perform(action) }
      if self.machine.hasTurn, self.context?.channel.isWritable == true {
        self.actions.append(contentsOf: self.machine.takeTurn())
      } else if self.needsFlush, !self.isReading || self.context?.channel.isWritable != true {
        // Flushing may make the channel writable again.
        self.needsFlush = false
        self.context?.flush()
      } else {
        return
      }
    }
  }

  private func noteStalls() {
    guard self.role == .server else { return }
    let stalls = self.machine.stalls
    guard !stalls.isEmpty || !self.stalls.isEmpty else { return }
    let now = NIODeadline.now()
    self.stalls = stalls.reduce(into: [:]) { noted, stall in
      let before = self.stalls[stall.key]
      noted[stall.key] =
        before?.fragments == stall.value ? before : (fragments: stall.value, since: now)
    }
  }

  /// Ends streams that have waited for too long, now and until there are no others left.
  private func endStalls() {
    guard self.role == .server, !self.isGone, let context = self.context else { return }
    let end = NIODeadline.now() - self.stallTime
    for (stream, stall) in self.stalls.sorted(by: { $0.key < $1.key }) where stall.since <= end {
      self.apply { $0.stalled(stream) }
    }
    guard self.closing == nil else { return }
    let pause = max(.nanoseconds(self.stallTime.nanoseconds / 4), TimeAmount.milliseconds(10))
    self.stallTimer = context.eventLoop.assumeIsolated().scheduleTask(in: pause) {
      self.endStalls()
    }
  }

  private func reportLoad() {
    guard self.role == .server, let link = self.link else { return }
    let load = self.machine.load
    guard load != self.load else { return }
    self.load = load
    // All connections of a server are on one event loop.
    self.observer.loaded(link, load)?.runNow { $0.shed() }
  }

  private func perform(_ action: ConnectionAction) {
    switch action {
    case .send(let frame): self.write(frame)
    case .start(let stream, let call): self.start(stream, call)
    case .startTimer(let stream, let duration): self.startTimer(stream, duration)
    case .deliver(let stream, let part): self.deliver(part, to: stream)
    case .unseen(let stream, let call):
      // Its end here is not the call's.
      if self.endpoints[stream]?.wasUnseen(call) == true { self.endpoints[stream] = nil }
    case .finish(let stream, let error):
      if error != nil { self.timers.removeValue(forKey: stream)?.cancel() }
      // What a client has received counts, whatever comes after it; half a request does not.
      let dropsParts = self.role == .server && error != nil
      self.endpoints[stream]?.inbound.finish(error, dropsParts: dropsParts)
    case .cancelHandler(let stream, let cause): self.endpoints[stream]?.cancelHandler(cause)
    case .completeWrite(let write, let error):
      let writer = self.writers.removeValue(forKey: write)
      if let error { writer?.resume(throwing: error) } else { writer?.resume() }
    case .forget(let stream):
      self.endpoints[stream] = nil
      self.timers.removeValue(forKey: stream)?.cancel()
    case .retire:
      guard let link = self.link else { return }
      // The link first: whoever is handed it before the observer knows finds the reason there.
      if let ending = self.machine.ending { link.retire(ending) }
      self.observer.retired(link)
    case .close: self.close()
    }
  }

  private func write(_ frame: Frame) {
    guard let context = self.context else { return }
    var buffer = context.channel.allocator.buffer(capacity: 0)
    frame.write(to: &buffer)
    context.write(Self.wrapOutboundOut(buffer), promise: nil)
    self.needsFlush = true
  }

  private func deliver(_ part: InboundPart, to stream: StreamID) {
    self.endpoints[stream]?.inbound.push(part)
  }

  private func start(_ stream: StreamID, _ call: IncomingCall) {
    guard let link = self.link else { return }
    let endpoint = StreamEndpoint(link: link, role: .server, stream: stream)
    self.endpoints[stream] = endpoint
    endpoint.inbound.push(.metadata(call.metadata))
    if !self.observer.accept(endpoint, call, self.credentials) {
      let status = Status(code: .unavailable, message: "the server is shutting down")
      self.apply { $0.sendStatus(stream, status, [:]) }
      self.apply { $0.handlerReturned(stream) }
    }
  }

  private func startTimer(_ stream: StreamID, _ duration: Duration) {
    guard let context = self.context else { return }
    let timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(duration)) {
      self.timers[stream] = nil
      self.apply { $0.deadlinePassed(stream) }
    }
    self.timers[stream] = timer
  }

  /// Closes as framing.md, section 8, says: what was written goes out, then this direction ends, and when
  /// the peer has closed or its time is over, the rest.
  private func close() {
    guard let context = self.context, let link = self.link, self.closing == nil else { return }
    self.needsFlush = false
    let channel = context.channel
    self.closing = context.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
    let lingers = self.observer.mayLinger(link)
    let flushed = context.eventLoop.makePromise(of: Void.self)
    flushed.futureResult.assumeIsolated().whenComplete { result in
      // A peer whose own direction has ended hears of the end by the whole socket's.
      guard case .success = result, lingers, !self.hasInputEnded else {
        return channel.close(promise: nil)
      }
      channel.close(mode: .output, promise: nil)
    }
    context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer()), promise: flushed)
  }

  // MARK: The application's wishes, on the event loop

  /// Client: opens the stream of a call.
  ///
  /// - Parameter unseen: What had been sent of it to a server that never saw it; it goes out first.
  func open(
    _ endpoint: StreamEndpoint, _ method: MethodDescriptor, _ metadata: Metadata,
    messageLimit: Int, again unseen: UnseenCall?
  ) throws(RPCError) {
    let (stream, actions) = try self.machine.open(
      method, metadata, messageLimit: messageLimit, isRepeatable: unseen == nil)
    self.endpoints[stream] = endpoint
    let call = endpoint.opened(stream)
    self.apply { _ in actions }
    guard call.isWanted else { return self.cancel(stream, InboundBuffer.cancelled) }
    for message in unseen?.messages ?? [] {
      // Nobody waits for it.
      self.apply { $0.send(stream, message, write: ConnectionLink.nextWrite()) }
    }
    if call.isComplete { self.halfClose(stream) }
  }

  func halfClose(_ stream: StreamID) {
    self.apply { $0.halfClose(stream) }
  }

  func cancel(_ stream: StreamID, _ error: RPCError) {
    self.apply { $0.cancel(stream, error) }
  }

  func sendHeaders(_ stream: StreamID, _ metadata: Metadata) throws(RPCError) {
    let actions = try self.machine.sendHeaders(stream, metadata)
    self.apply { _ in actions }
  }

  func sendStatus(_ stream: StreamID, _ status: Status, _ metadata: Metadata) {
    self.apply { $0.sendStatus(stream, status, metadata) }
  }

  func handlerReturned(_ stream: StreamID) {
    self.apply { $0.handlerReturned(stream) }
  }

  func send(
    _ message: [UInt8], on stream: StreamID, write: WriteID,
    _ writer: CheckedContinuation<Void, any Error>
  ) {
    self.writers[write] = writer
    self.apply { $0.send(stream, message, write: write) }
  }

  func cancelWrite(_ stream: StreamID, _ write: WriteID) {
    self.apply { $0.cancelWrite(stream, write) }
  }

  func messageTaken(_ stream: StreamID) {
    self.apply { $0.messageTaken(stream) }
  }

  func messageAwaited(_ stream: StreamID) {
    self.apply { $0.messageAwaited(stream) }
  }

  /// An orderly end begins.
  func beginShutdown(_ message: String = "shutting down") {
    self.apply { $0.beginShutdown(message) }
    if self.stallTimer == nil { self.endStalls() }
  }

  /// Server: all connections together hold too much, and this one the most.
  func shed() {
    self.apply { $0.shed() }
  }

  /// Server: calls have had their time.
  func graceEnded() {
    self.apply { $0.graceEnded() }
  }
}
