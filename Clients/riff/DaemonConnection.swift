import FramedTransport
import GRPCCore
import RiffProtocol

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A connection to the daemon, which is started if none is listening.
struct DaemonConnection {
  typealias Client = Riff_V1_Riff.Client<FramedTransport.Client>

  var address: DaemonAddress
  /// Whether to start a daemon where none listens.
  var launches = true
  /// What is uploaded, for messages about it.
  var file: String?
  /// Whether the work ends when nobody reads standard output any more.
  var usesStandardOutput = false
  /// What an interrupt does at first, instead of cancelling the work.
  var onInterrupt: (@Sendable () -> Void)?

  /// Connects, runs `work` and disconnects. An interrupt cancels `work`, and the daemon's with it.
  ///
  /// - Throws: ``Failure``.
  func run<R: Sendable>(
    _ work: @escaping @Sendable (_ riff: Client) async throws -> R
  ) async throws -> R {
    try await interruptible(
      isReadByOthers: self.usesStandardOutput, onFirst: self.onInterrupt
    ) {
      do {
        var configuration = FramedTransport.Client.Configuration()
        configuration.server = try await self.launchIfNeeded()
        return try await withGRPCClient(
          transport: FramedTransport.Client(
            path: self.address.socket, configuration: configuration)
        ) { client in
          try await work(Riff_V1_Riff.Client(wrapping: client))
        }
      } catch let error as RPCError {
        throw Failure(error, file: self.file)
      } catch let error as FramedTransportError {
        throw Failure(message: "\(error)")
      } catch let error as GRPCCore.RuntimeError {
        if let cause = error.cause as? RPCError { throw Failure(cause, file: self.file) }
        throw Failure(message: "\(error)")
      }
    }
  }

  /// Starts a daemon where none listens, and warns of one that is not of this version.
  ///
  /// - Returns: Whose it may be.
  /// - Throws: ``Failure``, also where none is to be started; `FramedTransportError` of the socket's place.
  @discardableResult
  func launchIfNeeded() async throws -> PeerRule {
    let path = try SocketPath(self.address.socket)
    let directory = try self.directory(of: path)
    let other = directory.flatMap { $0.owner == geteuid() ? nil : $0.owner }
    if directory != nil, SocketPlace.isLive(path) {
      if let staleness = try? LockHolder(path)?.staleness { Self.warn(staleness) }
      return other.map { .user($0) } ?? .sameUser
    }
    guard other == nil else {
      throw Failure(
        message: "no riffd is listening on \(path.text); the folder's owner has to start it")
    }
    guard self.launches else { throw Failure(message: "no riffd is listening on \(path.text)") }
    try await DaemonLauncher(socket: path).launch()
    return .sameUser
  }

  private static func warn(_ text: String) {
    if CommandLine.arguments.contains("--json") {
      JSONLines.standardError.write(warning: text)
    } else {
      Terminal.standardError.write("riff: \(text)\n")
    }
  }

  /// The socket's folder, if there is one; it must be the user's own, or shared with the group, to be trusted.
  private func directory(of path: SocketPath) throws -> SocketDirectory? {
    guard access(path.directory, F_OK) == 0 else { return nil }
    return try SocketDirectory.verify(path.directory, group: self.address.group)
  }
}
