import FramedTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The daemon that holds a socket's lock, whether it still listens or not.
struct LockHolder {
  let socket: SocketPath
  let pid: pid_t
  /// The folder it was started in: it has left that since.
  let folder: String
  /// Its name and version; nil where it is too old to say.
  let program: String?

  private static let interval = Duration.milliseconds(20)
  /// How often a holder that does not say who it is is looked at again.
  private static let looks = 200

  /// Nil if nobody holds the lock.
  ///
  /// - Throws: ``Failure`` if somebody does and the lock file does not say who; `FramedTransportError` if
  ///   the folder is not this user's alone, so that anybody could have written the file.
  init?(_ socket: SocketPath) throws {
    guard access(socket.directory, F_OK) == 0 else { return nil }
    _ = try SocketDirectory.verify(socket.directory)
    var found = try SocketLock.holder(beside: socket)
    // Who has just taken the lock is about to write who it is.
    for _ in 0..<Self.looks where found != nil && found?.processID == nil {
      usleep(5_000)
      found = try SocketLock.holder(beside: socket)
    }
    guard let holder = found else { return nil }
    guard let pid = holder.processID, pid > 1 else {
      throw Failure(message: "\(socket.text).lock is held, but does not say by which process")
    }
    self.socket = socket
    self.pid = pid
    self.folder = holder.folder ?? "/"
    self.program = holder.program
  }

  /// What is to be said about a daemon that is not of this program's version, or whose program an upgrade
  /// has replaced; nil if all is well.
  var staleness: String? {
    let advice = "“riff restart” starts the new one"
    let version = self.program.map { $0.split(separator: " ").last.map(String.init) ?? $0 }
    guard let version else {
      return "the riffd that is running (\(self.pid)) is older than this riff; \(advice)"
    }
    switch Self.compare(version, Riff.version) {
    case ..<0:
      return """
        the riffd that is running (\(self.pid)) is version \(version), older than this riff (\(Riff.version)); \
        \(advice)
        """
    case 1...:
      return """
        the riffd that is running (\(self.pid)) is version \(version), newer than this riff (\(Riff.version))
        """
    default:
      return self.isReplaced ? "riffd (\(self.pid)) was upgraded while it ran; \(advice)" : nil
    }
  }

  /// Whether the file that it runs has been removed or replaced.
  private var isReplaced: Bool {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/\(self.pid)/exe", &buffer, buffer.count)
    guard count > 0 else { return false }
    return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
      .hasSuffix(" (deleted)")
  }

  /// Negative if `first` is the older version, positive if it is the newer one. Parts that are not numbers count
  /// as 0.
  private static func compare(_ first: String, _ second: String) -> Int {
    func parts(_ version: String) -> [Int] {
      version.split(separator: ".").prefix(4).map { Int($0) ?? 0 }
    }
    let (first, second) = (parts(first), parts(second))
    if first == second { return 0 }
    return first.lexicographicallyPrecedes(second) ? -1 : 1
  }

  /// Tells it to end and waits until it has. Running jobs have its grace period.
  ///
  /// - Throws: ``Failure`` if it is not this user's to end; `CancellationError`.
  func end() async throws {
    guard kill(self.pid, SIGTERM) == 0 || errno == ESRCH else {
      throw Failure(message: "cannot end process \(self.pid): \(String(cString: strerror(errno)))")
    }
    let patience = ContinuousClock.now + .seconds(1)
    var isTold = false
    while try LockHolder(self.socket)?.pid == self.pid {
      if !isTold, ContinuousClock.now > patience {
        Terminal.standardError.write("riff: riffd (\(self.pid)) lets its jobs finish first\n")
        isTold = true
      }
      try await Task.sleep(for: Self.interval)
    }
  }

  /// What it was started with, without the program.
  ///
  /// - Throws: ``Failure`` where the system does not tell.
  func arguments() throws -> [String] {
    let file = try InputFile(path: "/proc/\(self.pid)/cmdline")
    var bytes: [UInt8] = []
    while let part = try file.next() { bytes += part }
    // Each argument ends with a zero byte.
    return bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().dropFirst()
      .map { String(decoding: $0, as: UTF8.self) }
  }
}
