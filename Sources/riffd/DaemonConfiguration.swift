import FramedTransport
import Riff

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Everything that can be said to a daemon.
struct DaemonConfiguration: Sendable {
  /// Path of the Unix-domain socket, unless a service manager hands one over.
  var socket: String
  /// Who started the daemon and wants to hear from it.
  var manager = ServiceManager()
  /// The first is the default.
  var models: [ModelLocation]
  var loras: [LoRALocation] = []
  /// What there is to say about where they come from, for the log.
  var notes: [String] = []
  /// Which models stay in memory.
  var modelPolicy = ModelPolicy()
  /// Threads that compute.
  var threads: Int
  /// Ends after so long without a connection; `nil`: never.
  var idleTimeout: Duration?
  /// Path of the socket on which metrics are told; nil: on none.
  var metrics: String?
  /// How long running jobs may go on when the daemon is told to end.
  var grace: Duration
  /// The group whose users may use the daemon, too.
  var group: SocketGroup?
  /// Connections that may be open at once, as far as there are descriptors for them.
  var maximumConnections = standardConnections

  static let threadRange = 1...256
  /// Seconds.
  static let idleTimeoutRange = 1...31_536_000
  /// Seconds.
  static let graceRange = 0...3_600
  static let connectionsRange = 1...65_536
  static let standardConnections = 64

  /// Processors that are online.
  static var processorCount: Int {
    max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }
}
