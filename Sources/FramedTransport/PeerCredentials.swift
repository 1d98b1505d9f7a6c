internal import CUnixPeer
internal import Glibc
package import NIOCore

/// Who is at the other end of a Unix-domain socket, as the kernel knows it (SO_PEERCRED, SO_PEERGROUPS).
public struct PeerCredentials: Hashable, Sendable {
  /// The process that connected, or that called listen(2). It may have ended since.
  public let processID: Int32
  /// The effective user when it connected, or called listen(2): what decides whether it may talk.
  public let userID: UInt32
  /// The effective group at that time; nothing is decided by it.
  public let groupID: UInt32
  /// The groups it is in besides; none where the kernel does not tell.
  public let supplementaryGroupIDs: [UInt32]

  package init(
    processID: Int32, userID: UInt32, groupID: UInt32, supplementaryGroupIDs: [UInt32] = []
  ) {
    self.processID = processID
    self.userID = userID
    self.groupID = groupID
    self.supplementaryGroupIDs = supplementaryGroupIDs
  }

  /// Nil if the kernel does not tell.
  init?(descriptor: CInt) {
    var peer = unix_peer()
    guard unix_peer_read(descriptor, &peer) == 0 else { return nil }
    self.init(
      processID: peer.pid, userID: peer.uid, groupID: peer.gid,
      supplementaryGroupIDs: Self.groups(descriptor))
  }

  private static func groups(_ descriptor: CInt) -> [UInt32] {
    var groups = [UInt32](repeating: 0, count: 64)
    while true {
      let size = MemoryLayout<UInt32>.size
      var length = socklen_t(groups.count * size)
      if getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, &groups, &length) == 0 {
        return Array(groups.prefix(Int(length) / size))
      }
      // ERANGE: the length is what they need. A process may be in 65,536 (NGROUPS_MAX).
      let needed = Int(length) / size
      guard errno == ERANGE, needed > groups.count, needed <= 1 << 16 else { return [] }
      groups = [UInt32](repeating: 0, count: needed)
    }
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

  /// Event loop: whether a rule lets the process at the other end of a socket in.
  package static func areAllowed(by rule: PeerRule, of channel: any Channel) -> Bool {
    rule.refusal(of: Self(of: channel.pipeline)) == nil
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
