public import GRPCCore
internal import NIOCore
internal import NIOPosix
internal import Synchronization

extension FramedTransport {
  /// A `ServerTransport` over a Unix-domain socket.
  ///
  /// It keeps deadlines by itself: when one passes, or when the client cancels or is lost, the client gets
  /// its status at once and the handler is told through the context's cancellation handle. The
  /// handler's task is not cancelled; it should stop its work from `withRPCCancellationHandler`.
  ///
  /// ``beginGracefulShutdown()`` lets running calls go on for ``Configuration/gracePeriod``, unlike
  /// GRPCCore's own transports, which cancel them at once.
  public final class Server: ServerTransport {
    public typealias Bytes = [UInt8]

    /// Settings of a server. All have defaults.
    public struct Configuration: Sendable {
      /// How many bytes a request message may have. 4 MiB.
      public var requestLimits = MessageLimits(standard: 4 << 20)
      /// Calls that may run at once on a connection, counted until their handlers have returned.
      public var maximumCallsPerConnection = 128
      /// Connections that may be open at once. When another one comes, the one that has been longest
      /// without a call goes; if all have calls, the new one is refused.
      public var maximumConnections = 64
      /// Connections that may wait, besides, until their peers have read why they are closed.
      public var maximumLingering = 256
      /// Descriptors that stay free for what calls open: a connection that leaves fewer is refused.
      public var reservedDescriptors = 8
      /// Bytes of requests that all connections together may hold before the handlers take them: HEADERS,
      /// incomplete messages and those not taken, each of which counts at least 128 bytes. Beyond it the call
      /// that holds the most ends as `resourceExhausted`. 64 MiB.
      public var maximumHeldBytes = 64 << 20
      /// Which processes may connect.
      public var peers = PeerRule.sameUser
      /// How long running calls may go on once a graceful shutdown has begun.
      public var gracePeriod: Duration = .seconds(10)
      /// How long, of that, a call may wait for a client that takes nothing of it; a time before the shutdown
      /// counts.
      public var stallTime: Duration = .seconds(5)
      /// How long a client may take for its preface.
      public var handshakeTimeout: Duration = .seconds(10)
      /// How often to look whether the socket's file is still there. If it is not, it is made again; if
      /// another process has taken the place meanwhile, or the socket is a service manager's, a graceful
      /// shutdown begins.
      public var placeInterval: Duration = .seconds(1)
      /// Is told, a sentence each, what an operator should know.
      public var report: @Sendable (String) -> Void = { _ in }
      /// Is called once the server takes connections.
      public var listens: @Sendable () -> Void = {}

      /// The defaults: clients of this user only, and limits that a desktop's daemon needs.
      public init() {}
    }

    /// What goes on at one moment.
    public struct Activity: Hashable, Sendable {
      /// Open connections.
      public var connections: Int
      /// Calls whose handlers run.
      public var calls: Int
      /// Calls that have begun since the start.
      public var callsBegun: UInt64
    }

    private struct NewCall: Sendable {
      var endpoint: StreamEndpoint
      var call: IncomingCall
      var information: CallInformation
    }

    private let place: SocketPlace
    private let configuration: Configuration
    private let state = Mutex(ServerState())
    private let newCalls: AsyncStream<NewCall>
    private let newCallsContinuation: AsyncStream<NewCall>.Continuation

    /// - Parameters:
    ///   - place: Where to listen. The server keeps it until ``listen(streamHandler:)`` returns
    ///     and gives it up then.
    ///   - configuration: Limits, waits, and whom to tell.
    public init(place: SocketPlace, configuration: Configuration = .init()) {
      self.place = place
      self.configuration = configuration
      (self.newCalls, self.newCallsContinuation) = AsyncStream.makeStream()
    }

    /// Connections and calls at this moment.
    public var activity: Activity { self.state.withLock(\.activity) }

    /// Listens, and runs `streamHandler` in a task for each call.
    ///
    /// Returns when ``beginGracefulShutdown()`` has been called and every handler has returned, for which
    /// they have the grace period; then they are told to stop, and their tasks are cancelled. Those whose
    /// clients take nothing are told before (``Configuration/stallTime``). When its own task is cancelled,
    /// connections are closed and that happens at once. The socket file is gone when it returns, unless it
    /// is a service manager's.
    ///
    /// - Throws: ``FramedTransportError`` if the socket cannot be made; `RPCError` `failedPrecondition` if
    ///   it was called before.
    public func listen(
      streamHandler:
        @escaping @Sendable (
          _ stream: RPCStream<Inbound, Outbound>,
          _ context: ServerContext
        ) async -> Void
    ) async throws {
      let (drained, drainedContinuation) = AsyncStream<Void>.makeStream()
      try self.state.withLock { state throws(RPCError) in
        try state.start(drained: drainedContinuation)
      }
      let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
      do {
        try await self.openListener(on: group)
      } catch {
        self.place.release()
        self.state.withLock { $0.ended() }
        try? await group.shutdownGracefully()
        throw error
      }
      self.configuration.listens()
      await withTaskCancellationHandler {
        await withDiscardingTaskGroup { handlers in
          handlers.addTask { await self.watchPlace(on: group) }
          // Here as well: the innermost is called first, and so connections are closed before the handlers'
          // tasks are cancelled. What these then throw is no status of their calls.
          await withTaskCancellationHandler {
            for await new in self.newCalls {
              handlers.addTask { await self.run(new, streamHandler) }
            }
            for await _ in drained {}
          } onCancel: {
            self.abort()
          }
          handlers.cancelAll()
        }
      } onCancel: {
        self.abort()
      }
      // Whoever connects once the place is free must not be accepted, and let go, by this listener: a service
      // manager that has the socket, too, would never hear of it.
      try? await self.state.withLock(\.closing)?.closeFuture.get()
      for link in self.state.withLock({ $0.links }) { await link.closed() }
      self.place.release()
      self.state.withLock { $0.ended() }
      try await group.shutdownGracefully()
    }

    private func abort() {
      self.beginGracefulShutdown()
      for link in self.state.withLock({ $0.links }) { link.abort() }
    }

    /// Takes no new connections and refuses new calls as `unavailable`; clients are told to go away.
    public func beginGracefulShutdown() {
      guard let shutdown = self.state.withLock({ $0.beginShutdown() }) else { return }
      self.newCallsContinuation.finish()
      defer { self.state.withLock { $0.finishIfDrained() } }
      shutdown.listener?.close(promise: nil)
      for link in shutdown.links { link.run { $0.beginShutdown() } }
      // A call may have begun before it was known that the server listens.
      guard let loop = (shutdown.listener ?? shutdown.links.first?.channel)?.eventLoop else {
        return
      }
      loop.scheduleTask(in: TimeAmount(self.configuration.gracePeriod)) { [weak self] in
        guard let self else { return }
        for link in self.state.withLock({ $0.links }) { link.run { $0.graceEnded() } }
        // All connections are on this loop: every handler has been told before its task is cancelled.
        loop.execute { self.state.withLock { $0.graceEnded() } }
      }
    }

    // MARK: The place

    /// Keeps the socket where clients look for it, for as long as the server listens.
    private func watchPlace(on group: MultiThreadedEventLoopGroup) async {
      var isTold = false
      while true {
        do { try await Task.sleep(for: self.configuration.placeInterval) } catch { return }
        guard self.state.withLock(\.isListening) else { return }
        do throws(FramedTransportError) {
          if try self.place.isIntact() { continue }
          try await self.openListener(on: group)
          isTold = false
          self.configuration.report("\(self.place.path.text) was gone; listening there again")
        } catch {
          switch error.code {
          case .alreadyHeld, .occupied, .vanished:
            self.configuration.report("\(error.message); ending")
            return self.beginGracefulShutdown()
          case .invalidPath, .unsafeDirectory, .unknownGroup, .system:
            // The folder may come back.
            if !isTold { self.configuration.report("\(error.message); trying again") }
            isTold = true
          }
        }
      }
    }

    // MARK: Connections

    private func openListener(
      on group: MultiThreadedEventLoopGroup
    ) async throws(FramedTransportError) {
      let descriptor = try self.place.listen()
      let observer = self.observer
      let configuration = self.configuration
      let listener: any Channel
      do {
        listener = try await ServerBootstrap(group: group).serverChannelOption(
          .backlog, value: SocketPlace.backlog
        ).childChannelOption(
          .allowRemoteHalfClosure, value: true
        ).childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let machine = ConnectionStateMachine(
              role: .server, messageLimits: configuration.requestLimits,
              maximumStreams: configuration.maximumCallsPerConnection)
            let handler = ConnectionHandler(
              machine: machine, role: .server,
              handshakeTimeout: TimeAmount(configuration.handshakeTimeout), observer: observer)
            handler.stallTime = TimeAmount(configuration.stallTime)
            _ = try ConnectionHandler.install(handler, in: channel)
          }
        }.withBoundSocket(descriptor).get()
      } catch {
        throw FramedTransportError(
          .system, "cannot listen on \(self.place.path.text): \(error)")
      }
      if let surplus = self.state.withLock({ $0.listening(listener) }) {
        try? await surplus.close()
      }
    }

    private var observer: ConnectionHandler.Observer {
      let configuration = self.configuration
      return ConnectionHandler.Observer(
        admit: { [weak self] link, credentials in
          configuration.peers.refusal(of: credentials) ?? self?.admit(link)
        },
        accept: { [weak self] endpoint, call, peer in
          self?.accept(endpoint, call, peer) ?? false
        },
        loaded: { [weak self] link, load in
          self?.state.withLock {
            $0.loaded(link, load, maximum: configuration.maximumHeldBytes)
          }
        },
        mayLinger: { [weak self] link in
          self?.state.withLock { $0.leaves(link, atMost: configuration.maximumLingering) } ?? false
        },
        closed: { [weak self] link in self?.state.withLock { $0.closed(link) } })
    }

    private func admit(_ link: ConnectionLink) -> ProtocolViolation? {
      let maximum = self.configuration.maximumConnections
      guard DescriptorReserve(count: self.configuration.reservedDescriptors).isWhole else {
        return ProtocolViolation(
          .overloaded, "the process has too few descriptors left for another connection")
      }
      switch self.state.withLock({ $0.opened(link, maximum: maximum) }) {
      case .welcome: return nil
      case .refused(let violation): return violation
      case .tooLate:
        link.runNow { $0.beginShutdown() }
        return nil
      case .insteadOf(let idle):
        idle.runNow {
          $0.beginShutdown(
            "\(maximum) connections are open, and this one has been longest without a call")
        }
        return nil
      }
    }

    // MARK: Calls

    private func accept(
      _ endpoint: StreamEndpoint, _ call: IncomingCall, _ peer: PeerCredentials?
    ) -> Bool {
      guard self.state.withLock({ $0.callBegan() }) else { return false }
      let deadline = call.timeout.map { ContinuousClock.now + $0 }
      let information = CallInformation(peer: peer, deadline: deadline, endpoint: endpoint)
      let new = NewCall(endpoint: endpoint, call: call, information: information)
      if case .terminated = self.newCallsContinuation.yield(new) {
        self.state.withLock { $0.callEnded() }
        return false
      }
      return true
    }

    private func run(
      _ new: NewCall,
      _ streamHandler:
        @escaping @Sendable (
          _ stream: RPCStream<Inbound, Outbound>, _ context: ServerContext
        ) async -> Void
    ) async {
      let endpoint = new.endpoint
      await withServerContextRPCCancellationHandle { handle in
        endpoint.attach(handle)
        let stream = RPCStream(
          descriptor: new.call.method,
          inbound: RPCAsyncSequence(wrapping: ServerInbound(endpoint: endpoint)),
          outbound: RPCWriter.Closable(wrapping: ServerOutbound(endpoint: endpoint)))
        let credentials = new.information.peer.map { "uid=\($0.userID),pid=\($0.processID)," } ?? ""
        var context = ServerContext(
          descriptor: new.call.method,
          remotePeer: "unix:\(credentials)connection=\(endpoint.link.number)",
          localPeer: "unix:\(self.place.path.text)",
          cancellation: handle)
        context.transportSpecific = new.information
        await streamHandler(stream, context)
      }
      endpoint.handlerReturned()
      self.state.withLock { $0.callEnded() }
    }
  }
}
