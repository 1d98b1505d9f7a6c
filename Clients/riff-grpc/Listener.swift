internal import FramedTransport
internal import GRPCNIOTransportCore
internal import NIOCore
internal import NIOPosix

/// Accepts HTTP/2 connections on a socket whose place follows the daemon's rules: folder 0700, file 0600,
/// a lock beside it, and no client of another user; or folder 0750, file 0660, and clients of a group.
struct Listener: HTTP2ServerTransport.ListenerFactory {
  let eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  private let descriptor: CInt
  private let peers: PeerRule

  /// - Throws: `FramedTransportError`.
  init(place: SocketPlace) throws(FramedTransportError) {
    self.peers = place.group.map { .group($0) } ?? .sameUser
    self.descriptor = try place.bind()
  }

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<
    HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never
  > {
    let peers = self.peers
    return try await ServerBootstrap(group: self.eventLoopGroup)
      .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
      .bind(self.descriptor) { channel in
        guard PeerCredentials.areAllowed(by: peers, of: channel) else {
          channel.close(promise: nil)
          return channel.eventLoop.makeFailedFuture(ForeignUser())
        }
        return connectionConfigurator.configure(channel: channel, tls: .none)
      }
  }

  /// A client of a user who is not let in: its connection is closed.
  private struct ForeignUser: Error {}
}
