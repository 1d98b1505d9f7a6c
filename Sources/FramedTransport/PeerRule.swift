internal import Glibc

/// Which processes may be at the other end of a socket.
public enum PeerRule: Hashable, Sendable {
  /// Those of this user.
  case sameUser
  /// Those of this user, and those in a group, as their main or as a supplementary one.
  case group(SocketGroup)
  /// Those of this user, of another one, and of root, who listens for others where a service manager does.
  case user(UInt32)

  /// Why a peer with these credentials may not use the connection, if it may not.
  func refusal(of peer: PeerCredentials?) -> ProtocolViolation? {
    guard let peer else {
      return ProtocolViolation(.permissionDenied, "the kernel does not say whose process this is")
    }
    if peer.userID == geteuid() { return nil }
    var allowed = "user \(geteuid())"
    switch self {
    case .sameUser:
      break
    case .group(let group):
      if peer.groupID == group.id || peer.supplementaryGroupIDs.contains(group.id) { return nil }
      allowed += " and the group \(group.name)"
    case .user(let user):
      if peer.userID == user || peer.userID == 0 { return nil }
      allowed = "user \(user)"
    }
    return ProtocolViolation(
      .permissionDenied, "the peer runs as user \(peer.userID); this socket is for \(allowed)")
  }
}
