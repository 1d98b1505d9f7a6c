internal import FramedTransport
internal import GRPCCore
internal import GRPCNIOTransportCore
internal import NIOCore
internal import NIOHTTP2
internal import ServiceLifecycle
internal import Synchronization

/// Carries calls between standard gRPC and the daemon's framing without knowing their methods.
final class Gateway: Service {
  private typealias Transport = HTTP2ServerTransport.Custom<Listener>

  private let transport: Transport
  private let connections: DaemonConnections
  private let reflection: ReflectionService
  private let grace: Duration
  private let isEnding = Atomic(false)

  /// - Parameters:
  ///   - daemon: The path of the daemon's socket.
  ///   - group: The group by which a daemon of another user is believed.
  ///   - grace: How long calls have to finish once the gateway is told to end.
  init(daemon: String, group: SocketGroup?, listener: Listener, grace: Duration) throws {
    let connections = DaemonConnections(path: daemon, group: group)
    let numbers = ConnectionNumbers(
      opened: { connections.open($0) }, closed: { connections.close($0) })
    var config = Transport.Config.defaults
    // The limit on a request is the daemon's to set and to explain; what is beyond this one is cut off.
    config.rpc.maxRequestPayloadSize = 16 << 20
    // Calls are ended by then; this is for clients that do not close.
    config.connection.maxGraceTime = grace + .seconds(2)
    config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { channel in
      channel.eventLoop.makeCompletedFuture {
        guard let parent = channel.parent else { return }
        try channel.pipeline.syncOperations.addHandler(
          ConnectionMark(numbers.number(of: parent)), position: .first)
      }
    }
    self.connections = connections
    self.transport = Transport(listenerFactory: listener, config: config)
    self.reflection = try ReflectionService()
    self.grace = grace
  }

  /// Serves until a graceful shutdown begins and the last call has ended.
  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await self.connections.run() }
      try await withGracefulShutdownHandler {
        try await self.transport.listen { stream, context in
          await self.serve(stream, context)
        }
      } onGracefulShutdown: {
        self.beginShutdown()
      }
      self.connections.finish()
      try await group.waitForAll()
    }
  }

  private func beginShutdown() {
    self.isEnding.store(true, ordering: .relaxed)
    self.transport.beginGracefulShutdown()
    let (connections, grace) = (self.connections, self.grace)
    Task {
      try await Task.sleep(for: grace)
      connections.abort()
    }
  }

  private func serve(_ stream: GatewayStream, _ context: ServerContext) async {
    do {
      var requests = stream.inbound.makeAsyncIterator()
      guard case .metadata(let metadata) = try await requests.next() else { return }
      let number = metadata[stringValues: ConnectionMark.key].first { _ in true }.flatMap(
        UInt64.init)
      let daemon = try self.connections.client(of: number ?? 0)
      switch stream.descriptor.service.fullyQualifiedService {
      case HealthService.name:
        let health = HealthService(daemon: daemon) { self.isEnding.load(ordering: .relaxed) }
        try await health.serve(stream, &requests, context)
      case let name where ReflectionService.names.contains(name):
        try await self.reflection.serve(stream, &requests)
      default:
        try await self.forward(stream, Self.onward(metadata), requests, to: daemon, context)
      }
    } catch {
      await stream.end(error)
    }
  }

  // MARK: Forwarding

  /// What belongs to HTTP/2 on this hop and says nothing on the next, as do its pseudo-headers (":path").
  private static let keysOfTheHop: Set<String> = [
    ConnectionMark.key, "te", "content-type", "grpc-encoding", "grpc-accept-encoding",
  ]

  private static func onward(_ metadata: Metadata) -> Metadata {
    var onward = Metadata()
    for (key, value) in metadata
    where !key.hasPrefix(":") && !self.keysOfTheHop.contains(key) {
      switch value {
      case .string(let text): onward.addString(text, forKey: key)
      case .binary(let bytes): onward.addBinary(bytes, forKey: key)
      }
    }
    return onward
  }

  private func forward(
    _ stream: GatewayStream, _ metadata: Metadata, _ requests: GatewayRequests.AsyncIterator,
    to client: FramedTransport.Client, _ context: ServerContext
  ) async throws {
    let requests = HandedOver(iterator: requests)
    try await client.withStream(descriptor: stream.descriptor, options: .defaults) { daemon, _ in
      try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
          await Self.forwardRequests(metadata, requests, to: daemon.outbound)
          return false
        }
        group.addTask {
          try await Self.forwardResponses(daemon.inbound, to: stream)
          return true
        }
        group.addTask {
          try await context.cancellation.cancelled
          throw RPCError(code: .cancelled, message: "the client has left the call")
        }
        defer { group.cancelAll() }
        while let hasEnded = try await group.next(), !hasEnded {}
      }
    }
  }

  /// The requests on their way to a task. Unchecked: only that task uses them from then on.
  private struct HandedOver: @unchecked Sendable {
    let iterator: GatewayRequests.AsyncIterator
  }

  private static func forwardRequests(
    _ metadata: Metadata, _ requests: HandedOver,
    to daemon: RPCWriter<RPCRequestPart<[UInt8]>>.Closable
  ) async {
    var requests = requests.iterator
    do {
      try await daemon.write(.metadata(metadata))
      while case .message(let message)? = try await requests.next() {
        try await daemon.write(.message(message.withUnsafeBytes(Array.init)))
      }
      await daemon.finish()
    } catch {
      // The reader of the responses learns of it: the call's own end if that is why, or this error.
      await daemon.finish(throwing: error)
    }
  }

  private static func forwardResponses(
    _ responses: RPCAsyncSequence<RPCResponsePart<[UInt8]>, any Error>, to stream: GatewayStream
  ) async throws {
    for try await part in responses {
      switch part {
      case .metadata(let metadata): try await stream.outbound.write(.metadata(metadata))
      case .message(let message):
        try await stream.outbound.write(.message(GRPCNIOTransportBytes(message)))
      case .status(let status, let metadata):
        try await stream.outbound.write(.status(status, metadata))
        await stream.outbound.finish()
      }
    }
  }
}
