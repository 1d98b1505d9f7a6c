internal import CUnixPeer
internal import Glibc
package import NIOCore

/// Who is at the other end of a Unix-domain socket, as the kernel knows it (SO_PEERCRED).
public struct PeerCredentials: Hashable, Sendable {
  /// The process that connected, or that called listen(2). It may have ended since.
  public let processID: Int32
  /// The effective user when it connected, or called listen(2): what decides whether it may talk.
  public let userID: UInt32
  /// The effective group at that time; nothing is decided by it.
  public let groupID: UInt32

  package init(processID: Int32, userID: UInt32, groupID: UInt32) {
    self.processID = processID
    self.userID = userID
    self.groupID = groupID
  }

  /// Nil if the kernel does not tell.
  init?(descriptor: CInt) {
    var peer = unix_peer()
    guard unix_peer_read(descriptor, &peer) == 0 else { return nil }
    self.init(processID: peer.pid, userID: peer.uid, groupID: peer.gid)
  }

  init?(of context: ChannelHandlerContext) {
    self.init(of: context.pipeline)
  }

  /// To be called on the channel's event loop.
  private init?(of pipeline: ChannelPipeline) {
    let credentials = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(
      of: NIOBSDSocket.Handle.self
    ) { PeerCredentials(descriptor: $0) }
    guard let credentials = credentials ?? nil else { return nil }
    self = credentials
  }

  /// Event loop: whether the process at the other end of a socket belongs to this user.
  package static func areOwn(of channel: any Channel) -> Bool {
    Self.refusal(of: Self(of: channel.pipeline), allowsOtherUsers: false) == nil
  }

  /// Why a peer with these credentials may not use the connection, if it may not.
  static func refusal(
    of peer: PeerCredentials?, allowsOtherUsers: Bool
  ) -> ProtocolViolation? {
    guard !allowsOtherUsers else { return nil }
    guard let peer else {
      return ProtocolViolation(.permissionDenied, "the kernel does not say whose process this is")
    }
    guard peer.userID == geteuid() else {
      return ProtocolViolation(
        .permissionDenied,
        "the peer runs as user \(peer.userID); this socket is for user \(geteuid())")
    }
    return nil
  }
}

extension TimeAmount {
  /// Rounded up to a nanosecond; long times are cut to a hundred years.
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let longest: Int64 = 100 * 365 * 86_400
    guard seconds < longest else {
      self = .seconds(longest)
      return
    }
    let nanoseconds = (attoseconds + 999_999_999) / 1_000_000_000
    self = .nanoseconds(max(0, seconds) * 1_000_000_000 + max(0, nanoseconds))
  }
}
