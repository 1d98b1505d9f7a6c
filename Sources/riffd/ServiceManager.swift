import ArgumentParser

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What systemd, or another service manager that speaks its protocols, and the daemon tell each other:
/// sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3). Without one there is nobody to tell.
struct ServiceManager: Sendable {
  /// The listening socket that was handed over.
  private(set) var listener: CInt?
  /// Longest time between two signs of life.
  private(set) var watchdog: Duration?
  /// Where messages go.
  private var address: String?

  /// SD_LISTEN_FDS_START.
  private static let firstDescriptor: CInt = 3

  init() {}

  /// - Throws: `ValidationError` where more than one socket is handed over, or the environment makes no sense.
  init(_ environment: [String: String]) throws {
    self.address = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    // Each comes with the process it is meant for: the environment is passed on to others.
    if let count = environment["LISTEN_FDS"],
      environment["LISTEN_PID"].flatMap({ pid_t($0) }) == getpid()
    {
      guard count == "1" else {
        throw ValidationError(
          "the service manager must hand over one socket, not \(count.prefix(20)) (LISTEN_FDS)")
      }
      self.listener = Self.firstDescriptor
      _ = fcntl(Self.firstDescriptor, F_SETFD, FD_CLOEXEC)
    }
    if let interval = environment["WATCHDOG_USEC"],
      environment["WATCHDOG_PID"].map({ pid_t($0) == getpid() }) ?? true
    {
      guard let microseconds = Int64(interval), microseconds > 0 else {
        throw ValidationError(
          "WATCHDOG_USEC must be a number of microseconds, not \(interval.prefix(20))")
      }
      self.watchdog = .microseconds(microseconds)
    }
  }

  /// Sends assignments, a line each. Nobody is the worse for a manager that doesn't hear them.
  func notify(_ text: String) {
    guard let address = self.address else { return }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var path = Array(address.utf8)
    // An abstract name begins with a zero byte.
    if path.first == UInt8(ascii: "@") { path[0] = 0 }
    guard path.count < MemoryLayout.size(ofValue: name.sun_path) else { return }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path) }
    let length = socklen_t(
      MemoryLayout<sockaddr_un>.size - MemoryLayout.size(ofValue: name.sun_path) + path.count)

    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    _ = withUnsafePointer(to: name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
      }
    }
  }
}
