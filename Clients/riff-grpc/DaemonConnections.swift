internal import FramedTransport
internal import GRPCCore
internal import Synchronization

/// The connections to the daemon: one for each of the gateway's own, so that the daemon's fairness between
/// connections is fairness between clients. They are made when a call wants one.
final class DaemonConnections: Sendable {
  private enum Wish {
    case run(FramedTransport.Client)
    case abort
  }

  private enum Connection {
    /// Without a call until now.
    case open
    case used(FramedTransport.Client)
  }

  private let path: String
  private let group: SocketGroup?
  private let connections = Mutex<[UInt64: Connection]>([:])
  private let wishes: AsyncStream<Wish>
  private let wish: AsyncStream<Wish>.Continuation

  /// - Parameters:
  ///   - path: Of the daemon's socket.
  ///   - group: The group by which a daemon of another user is believed.
  init(path: String, group: SocketGroup?) {
    self.path = path
    self.group = group
    (self.wishes, self.wish) = AsyncStream.makeStream()
  }

  /// Keeps the clients running; returns after ``finish()``, when all have ended.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await wish in self.wishes {
        switch wish {
        case .run(let client): group.addTask { try? await client.connect() }
        case .abort: group.cancelAll()
        }
      }
    }
  }

  /// The gateway has a new connection.
  func open(_ connection: UInt64) {
    self.connections.withLock { $0[connection] = .open }
  }

  /// - Throws: `RPCError` `unavailable`: the gateway's connection has closed, or the daemon's socket is not
  ///   where only this user can have put it, or one who shares it with the group.
  func client(of connection: UInt64) throws -> FramedTransport.Client {
    try self.connections.withLock { connections in
      switch connections[connection] {
      case .used(let client): return client
      case .open:
        let client = try self.makeClient()
        connections[connection] = .used(client)
        self.wish.yield(.run(client))
        return client
      case nil: throw RPCError(code: .unavailable, message: "the connection has closed")
      }
    }
  }

  private func makeClient() throws -> FramedTransport.Client {
    do {
      var configuration = FramedTransport.Client.Configuration()
      configuration.server = try SocketDirectory.verify(
        SocketPath(self.path).directory, group: self.group
      ).server
      configuration.sharesEventLoops = true
      return try FramedTransport.Client(path: self.path, configuration: configuration)
    } catch {
      throw RPCError(code: .unavailable, message: "no connection to riffd: \(error.message)")
    }
  }

  /// The gateway's connection has closed; its calls have been left.
  func close(_ connection: UInt64) {
    let closed = self.connections.withLock { $0.removeValue(forKey: connection) }
    if case .used(let client) = closed { client.beginGracefulShutdown() }
  }

  /// Ends every call now, as UNAVAILABLE.
  func abort() {
    self.wish.yield(.abort)
  }

  /// No further client comes; those there are end with their last call.
  func finish() {
    for case .used(let client) in self.connections.withLock({ $0.values }) {
      client.beginGracefulShutdown()
    }
    self.wish.finish()
  }
}
