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

  var socket: String
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
        try await self.launchIfNeeded()
        return try await withGRPCClient(
          transport: FramedTransport.Client(path: self.socket)
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
  /// - Throws: ``Failure``, also where none is to be started; `FramedTransportError` of the socket's place.
  func launchIfNeeded() async throws {
    let path = try SocketPath(self.socket)
    if try Self.listens(path) {
      if let staleness = try? LockHolder(path)?.staleness { Self.warn(staleness) }
      return
    }
    guard self.launches else { throw Failure(message: "no riffd is listening on \(path.text)") }
    try await DaemonLauncher(socket: path).launch()
  }

  private static func warn(_ text: String) {
    if CommandLine.arguments.contains("--json") {
      JSONLines.standardError.write(warning: text)
    } else {
      Terminal.standardError.write("riff: \(text)\n")
    }
  }

  /// Whether a daemon listens there; a folder that exists must be the user's own to be trusted.
  private static func listens(_ path: SocketPath) throws -> Bool {
    guard access(path.directory, F_OK) == 0 else { return false }
    _ = try SocketDirectory.verify(path.directory)
    return SocketPlace.isLive(path)
  }
}
