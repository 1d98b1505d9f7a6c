import FramedTransport
import RiffProtocol

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where the daemon listens, and whose it may be.
struct DaemonAddress {
  var socket: String
  /// The group by which a daemon of another user is believed.
  var group: SocketGroup?

  /// - Parameters:
  ///   - socket: As the command line names it; else `$RIFF_SOCKET`, else the standard path.
  ///   - group: As the command line names it; else `$RIFF_ALLOW_GROUP`, which counts only where the socket has
  ///     been named, too: others can make the folders of standard paths.
  /// - Throws: ``Failure`` where a group is named without a socket; `FramedTransportError` where there is no such
  ///   group.
  init(socket: String?, group: String?) throws {
    let named = socket ?? Self.variable("RIFF_SOCKET")
    self.socket = named ?? RiffSocket.standardPath()
    guard named != nil || group == nil else {
      throw Failure(
        message: "--allow-group needs --socket or RIFF_SOCKET, the socket of the other user's riffd"
      )
    }
    let group = group ?? (named == nil ? nil : Self.variable("RIFF_ALLOW_GROUP"))
    self.group = try group.map { try SocketGroup(named: $0) }
  }

  private static func variable(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }
}
