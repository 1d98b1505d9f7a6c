import FramedTransport
import NIOCore
import NIOPosix

/// Where `riff web` asks a riff-web that runs already for another address: a Unix-domain socket beside the
/// daemon's, in the user's own folder. Who connects gets one line and is let go.
struct TokenDoor {
  let place: SocketPlace

  /// The door beside the daemon's socket; nil where another riff-web has it, or where there can be none.
  init?(daemonSocket: String) {
    guard let place = try? SocketPlace.claim(Self.path(daemonSocket: daemonSocket)) else {
      return nil
    }
    self.place = place
  }

  static func path(daemonSocket: String) -> String { daemonSocket + ".web" }

  /// Listens until the channel that it returns is closed.
  func open(
    on group: MultiThreadedEventLoopGroup, line: @escaping @Sendable () -> String
  ) async throws -> any Channel {
    try await ServerBootstrap(group: group).childChannelInitializer { channel in
      channel.writeAndFlush(ByteBuffer(string: line() + "\n")).whenComplete { _ in
        channel.close(promise: nil)
      }
      return channel.eventLoop.makeSucceededVoidFuture()
    }.withBoundSocket(try self.place.bind()).get()
  }
}
