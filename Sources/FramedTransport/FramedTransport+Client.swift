public import GRPCCore
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Synchronization

extension FramedTransport {
  /// A `ClientTransport` over a Unix-domain socket.
  ///
  /// Keep a task executing ``connect()``, as `GRPCClient.runConnections()` does. It connects at once, and
  /// again whenever a call wants a connection and there is none: after the daemon has been started
  /// anew the next call simply works. A call whose connection ends in order, or is lost, before anything
  /// of the call was sent is given another one. A call that the server has provably never seen is made again
  /// on another connection, once: it was above the `last_stream` of a GO_AWAY, or the connection ended before
  /// the server's preface. Other calls that were open when a connection was lost fail as `unavailable`.
  ///
  /// A call made while no connection can be made fails as `unavailable`, or waits if its options say
  /// `waitForReady`.
  public final class Client: ClientTransport {
    public typealias Bytes = [UInt8]

    /// Settings of a client. All have defaults.
    public struct Configuration: Sendable {
      /// How many bytes a response message may have. Call options take precedence. 64 MiB.
      public var responseLimits = MessageLimits(standard: 64 << 20)
      /// Whose server may be talked to: with a socket that a group shares, ``PeerRule/user(_:)`` of the
      /// directory's owner.
      public var server = PeerRule.sameUser
      /// How long to wait between attempts while calls wait for a connection, at first; each further
      /// wait is longer, up to a second.
      public var backoff: Duration = .milliseconds(50)
      /// How long the server may take for its preface.
      public var handshakeTimeout: Duration = .seconds(10)
      /// Whether connections run on the process's shared event loops rather than on a thread of their own:
      /// for programs of many clients.
      public var sharesEventLoops = false

      /// The defaults: this user's server, answers of at most 64 MiB.
      public init() {}
    }

    public let retryThrottle: RetryThrottle?

    private let path: SocketPath
    private let configuration: Configuration
    private let methods: MethodTable
    private let state = Mutex(ClientState())
    private let demand: AsyncStream<Void>
    private let demanded: AsyncStream<Void>.Continuation
    private static let calls = Atomic<UInt64>(0)
    private static let longestBackoff = Duration.seconds(1)

    /// - Parameters:
    ///   - path: The server's socket. Its directory is not looked at here;
    ///     ``SocketDirectory`` does that.
    ///   - configuration: Limits and waits.
    ///   - serviceConfig: Timeouts, retries and limits by method.
    /// - Throws: ``FramedTransportError`` if no socket can have this path.
    public init(
      path: String, configuration: Configuration = .init(),
      serviceConfig: ServiceConfig = .init()
    ) throws(FramedTransportError) {
      self.path = try SocketPath(path)
      self.configuration = configuration
      self.methods = MethodTable(serviceConfig)
      self.retryThrottle = serviceConfig.retryThrottling.map { RetryThrottle(policy: $0) }
      (self.demand, self.demanded) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Makes connections as calls need them.
    ///
    /// Returns when ``beginGracefulShutdown()`` has been called and the last call has ended, or when its
    /// task is cancelled, which cancels every call. That no connection can be made is not thrown here:
    /// each call says so.
    public func connect() async throws {
      try self.state.withLock { state throws(RPCError) in try state.start() }
      let own =
        self.configuration.sharesEventLoops ? nil : MultiThreadedEventLoopGroup(numberOfThreads: 1)
      let group = own ?? MultiThreadedEventLoopGroup.singleton
      self.demanded.yield()
      await withTaskCancellationHandler {
        var backoff = self.configuration.backoff
        for await _ in self.demand {
          await self.makeConnection(on: group, &backoff)
        }
        await withCheckedContinuation { drained in
          if self.state.withLock({ $0.awaitDrained(drained) }) { drained.resume() }
        }
      } onCancel: {
        self.beginGracefulShutdown()
        for link in self.state.withLock({ $0.connections }) { link.abort() }
      }
      for link in self.state.withLock({ $0.connections }) {
        link.run { $0.beginShutdown() }
        await link.closed()
      }
      try await own?.shutdownGracefully()
    }

    /// Takes no new calls; ``connect()`` returns when the last one has ended.
    public func beginGracefulShutdown() {
      for waiter in self.state.withLock({ $0.beginShutdown() }) {
        waiter.resume(throwing: ClientState.closed)
      }
      self.demanded.finish()
    }

    /// Opens a stream, on the connection there is or on a new one, and closes it when `closure` returns:
    /// a call that has no status then is cancelled.
    ///
    /// - Throws: `RPCError`: `failedPrecondition` after ``beginGracefulShutdown()``, `unavailable` if no
    ///   connection can be made, `cancelled` if the task is cancelled while waiting for one; and what
    ///   `closure` throws.
    public func withStream<T: Sendable>(
      descriptor: MethodDescriptor,
      options: CallOptions,
      _ closure: (_ stream: RPCStream<Inbound, Outbound>, _ context: ClientContext) async throws ->
        T
    ) async throws -> T {
      // GRPCCore has measured `grpc-timeout` just before: the wait for a connection counts, too.
      let began = ContinuousClock.now
      let link = try await self.connection(waitsForReady: options.waitForReady ?? false)
      let limit =
        options.maxResponseMessageBytes ?? self.configuration.responseLimits[descriptor]
      let call = ClientCall(
        link: link, method: descriptor, began: began, responseLimit: limit,
        reconnect: { try await self.anotherConnection(for: options) })
      let endpoint = call.endpoint
      let stream = RPCStream(
        descriptor: descriptor,
        inbound: RPCAsyncSequence(wrapping: ClientInbound(endpoint: endpoint)),
        outbound: RPCWriter.Closable(
          wrapping: ClientOutbound(call: call, requestLimit: options.maxRequestMessageBytes)))
      let context = ClientContext(
        descriptor: descriptor, remotePeer: "unix:\(self.path.text)", localPeer: "unix:")
      defer {
        endpoint.cancel(RPCError(code: .cancelled, message: "the call was left before its status"))
        self.state.withLock({ $0.callEnded() })?.resume()
      }
      async let _: Void = call.repeatUnseen()
      return try await closure(stream, context)
    }

    public func config(forMethod descriptor: MethodDescriptor) -> MethodConfig? {
      self.methods[descriptor]
    }

    // MARK: Connections

    /// The connection for a call, which counts from here on.
    private func connection(waitsForReady: Bool) async throws -> ConnectionLink {
      let id = Self.calls.add(1, ordering: .relaxed).newValue
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { waiter in
          let begin = self.state.withLock {
            $0.beginCall(id, waiter, waitsForReady: waitsForReady)
          }
          switch begin {
          case .use(let link): waiter.resume(returning: link)
          case .refuse(let error): waiter.resume(throwing: error)
          case .wait(let mustConnect):
            if mustConnect { self.demanded.yield() }
            // A cancellation before this point has met no waiter.
            if Task.isCancelled { self.giveUp(id) }
          }
        }
      } onCancel: {
        self.giveUp(id)
      }
    }

    /// Another connection for a call that has one already.
    private func anotherConnection(for options: CallOptions) async throws -> ConnectionLink {
      let link = try await self.connection(waitsForReady: options.waitForReady ?? false)
      // The call has been counted twice, and is not the last one.
      _ = self.state.withLock { $0.callEnded() }
      return link
    }

    private func giveUp(_ id: UInt64) {
      self.state.withLock({ $0.giveUp(id) })?.resume(
        throwing: RPCError(
          code: .cancelled, message: "the call was cancelled while it waited for a connection"))
    }

    private func makeConnection(
      on group: MultiThreadedEventLoopGroup, _ backoff: inout Duration
    ) async {
      guard self.state.withLock({ $0.beginConnecting() }) else { return }
      do {
        let link = try await self.bootstrap(on: group)
        backoff = self.configuration.backoff
        for waiter in self.state.withLock({ $0.connected(link) }) { waiter.resume(returning: link) }
      } catch {
        let failure = RPCError(
          code: .unavailable,
          message: "no connection to \(self.path.text): \(Self.describe(error))", cause: error)
        let (failed, retry) = self.state.withLock { $0.connectFailed() }
        for waiter in failed { waiter.resume(throwing: failure) }
        switch retry {
        case .none: break
        case .now: self.demanded.yield()
        case .later:
          let demanded = self.demanded
          group.next().scheduleTask(in: TimeAmount(backoff)) { demanded.yield() }
          backoff = min(backoff * 1.6, Self.longestBackoff)
        }
      }
    }

    private func bootstrap(on group: MultiThreadedEventLoopGroup) async throws -> ConnectionLink {
      let observer = self.observer
      let handshakeTimeout = TimeAmount(self.configuration.handshakeTimeout)
      return try await ClientBootstrap(group: group).connect(
        unixDomainSocketPath: self.path.text
      ) { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = ConnectionHandler(
            machine: ConnectionStateMachine(role: .client), role: .client,
            handshakeTimeout: handshakeTimeout, observer: observer)
          return try ConnectionHandler.install(handler, in: channel)
        }
      }
    }

    private var observer: ConnectionHandler.Observer {
      let server = self.configuration.server
      return ConnectionHandler.Observer(
        admit: { [weak self] link, credentials in
          self?.state.withLock { $0.opened(link) }
          return server.refusal(of: credentials)
        },
        retired: { [weak self] link in self?.state.withLock { $0.retired(link) } },
        closed: { [weak self] link in self?.state.withLock { $0.closed(link) } })
    }

    private static func describe(_ error: any Error) -> String {
      guard let error = error as? IOError else { return "\(error)" }
      return switch error.errnoCode {
      case ENOENT: "no such file; is the daemon running?"
      case ECONNREFUSED: "nobody listens there; is the daemon running?"
      case EACCES: "permission denied"
      default: error.description
      }
    }
  }
}
