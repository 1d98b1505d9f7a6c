import FramedTransport
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The listening side: loopback, or a Unix-domain socket.
struct WebServer: Sendable {
  enum Listener: Sendable {
    case loopback(port: Int)
    case unix(SocketPlace)
  }

  var listener: Listener
  var daemonSocket: String
  var allowedHosts: [String]
  var router: @Sendable (Doorkeeper) -> Router

  /// Connections at once; when another one comes, the one that has rested longest goes.
  private static let connectionLimit = 128
  private static let headerLimit = 32 << 10

  /// Listens, says where on standard output, and serves until its task is cancelled.
  func run() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    // Whoever has been accepted when the end comes is dropped, which a channel that is wrapped already does not
    // survive, nor its process. So a connection is wrapped by the task that takes it, and not read before.
    let bootstrap = ServerBootstrap(group: group)
      .childChannelOption(.autoRead, value: false)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
    let server: NIOAsyncChannel<any Channel, Never>
    let doorkeeper: Doorkeeper
    let address: String
    switch self.listener {
    case .loopback(let port):
      do {
        server = try await bootstrap.bind(
          host: "127.0.0.1", port: port, childChannelInitializer: Self.accept)
      } catch {
        throw WebError(
          "cannot listen on 127.0.0.1:\(port): \(error); is another riff-web running? --port 0 takes "
            + "a free port")
      }
      let bound = server.channel.localAddress?.port ?? port
      doorkeeper = Doorkeeper(
        hosts: ["127.0.0.1:\(bound)", "localhost:\(bound)"] + self.allowedHosts, port: bound)
      address = "http://127.0.0.1:\(bound)/"
    case .unix(let place):
      server = try await bootstrap.bind(try place.bind(), childChannelInitializer: Self.accept)
      doorkeeper = Doorkeeper(hosts: self.allowedHosts, port: nil)
      address = "https://\(self.allowedHosts[0])/"
    }
    let line: @Sendable () -> String = { "\(address)#enter=\(doorkeeper.makeToken())" }
    // Another riff-web of this daemon may have the door; then it answers.
    let door = TokenDoor(daemonSocket: self.daemonSocket)
    let doorChannel = try await door?.open(on: group, line: line)
    defer { doorChannel?.close(promise: nil) }
    StandardOutput.write(line() + "\n")
    try await self.serve(server, self.router(doorkeeper))
  }

  private func serve(
    _ server: NIOAsyncChannel<any Channel, Never>, _ router: Router
  ) async throws {
    let crowd = Crowd(limit: Self.connectionLimit)
    try await server.executeThenClose { connections in
      try await withThrowingDiscardingTaskGroup { group in
        for try await channel in connections {
          guard let seat = crowd.enter(channel) else {
            channel.close(promise: nil)
            continue
          }
          group.addTask {
            // One that has closed meanwhile has nothing to say.
            if let channel = try? await Self.wrap(channel) {
              await WebConnection(channel: channel, router: router) { crowd.note(seat, isBusy: $0) }
                .run()
            }
            crowd.leave(seat)
          }
        }
      }
    }
  }

  private static let accept: @Sendable (any Channel) -> EventLoopFuture<any Channel> = { channel in
    channel.eventLoop.makeSucceededFuture(channel)
  }

  private static func wrap(_ channel: any Channel) async throws -> WebConnection.Channel {
    try await channel.eventLoop.submit {
      let pipeline = channel.pipeline.syncOperations
      // No pipelining: its handler stops reading while an answer streams, and the end of a tab would not be heard.
      try pipeline.configureHTTPServerPipeline(
        withPipeliningAssistance: false, withErrorHandling: true)
      try pipeline.addHandler(ResponseParts())
      return try WebConnection.Channel(wrappingChannelSynchronously: channel)
    }.get()
  }
}
