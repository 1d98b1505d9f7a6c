internal import FramedTransport
internal import GRPCNIOTransportCore
internal import NIOCore
internal import NIOPosix

/// Accepts HTTP/2 connections on a socket whose place follows the daemon's rules: folder 0700, file 0600,
/// a lock beside it, and no client of another user.
struct Listener: HTTP2ServerTransport.ListenerFactory {
  let eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  private let descriptor: CInt

  /// - Throws: `FramedTransportError`.
  init(place: SocketPlace) throws(FramedTransportError) {
    self.descriptor = try place.bind()
  }

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<
    HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never
  > {
    try await ServerBootstrap(group: self.eventLoopGroup)
      .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
      .bind(self.descriptor) { channel in
        guard PeerCredentials.areOwn(of: channel) else {
          channel.close(promise: nil)
          return channel.eventLoop.makeFailedFuture(ForeignUser())
        }
        return connectionConfigurator.configure(channel: channel, tls: .none)
      }
  }

  /// A client of another user: its connection is closed.
  private struct ForeignUser: Error {}
}
