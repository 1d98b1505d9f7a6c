import FramedTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Starts the daemon that stands beside this program.
struct DaemonLauncher {
  var socket: SocketPath
  /// The arguments of the daemon; those of one that ends by itself, where nobody says otherwise.
  var arguments: [String]
  /// The folder in which it is started, and to which this program goes for it; unset: where it is. The
  /// socket's path has to be absolute then.
  var folder: String?

  init(socket: SocketPath, arguments: [String]? = nil) {
    self.socket = socket
    var arguments = arguments ?? ["--idle-timeout", "\(Self.idleTimeout)"]
    if !arguments.contains(where: { $0 == "--socket" || $0.hasPrefix("--socket=") }) {
      arguments += ["--socket", socket.text]
    }
    self.arguments = arguments
  }

  /// Seconds without a client after which a daemon that was started this way ends.
  static let idleTimeout = 600
  /// POSIX_SPAWN_SETSID of <spawn.h>, which glibc shows to _GNU_SOURCE only.
  private static let newSession: Int16 = 0x80
  /// How long to wait for it to listen.
  static let patience = Duration.seconds(20)

  /// Starts `riffd` in a session of its own and waits until it listens.
  ///
  /// - Throws: ``Failure`` with what it wrote when it ends instead, or does not listen in time.
  func launch() async throws {
    let program = try Self.daemonPath()
    if self.arguments.contains(where: { $0.hasPrefix("--allow-group") }) {
      _ = try SocketDirectory.verify(self.socket.directory)
    } else {
      _ = try SocketDirectory.prepare(self.socket.directory)
    }
    let log = self.socket.text + ".log"
    let pid = try self.spawn(program, log: log)
    let deadline = ContinuousClock.now + Self.patience
    while !SocketPlace.isLive(self.socket) {
      var status: Int32 = 0
      if waitpid(pid, &status, WNOHANG) == pid {
        // Another client's daemon may have won the race for the socket.
        if SocketPlace.isLive(self.socket) { return }
        throw Failure(message: "\(program) ended at once:\n\(Self.tail(of: log))")
      }
      guard ContinuousClock.now < deadline else {
        kill(pid, SIGTERM)
        throw Failure(
          message: "\(program) does not listen on \(self.socket.text):\n\(Self.tail(of: log))")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private static func daemonPath() throws -> String {
    guard let program = ProgramBeside.path("riffd") else {
      throw Failure(
        message:
          "no riffd is listening, and there is none to start at \(ProgramBeside.folder)/riffd; start "
          + "riffd first")
    }
    return program
  }

  private func spawn(_ program: String, log: String) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    // Whatever else the caller left open is not the daemon's: it would hold pipes open for minutes.
    for descriptor in 3..<Int32(clamping: min(sysconf(Int32(_SC_OPEN_MAX)), 1 << 16)) {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A session of its own: the terminal's Ctrl-C is for the client.
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&defaults, number) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(
      &attributes, Self.newSession | Int16(POSIX_SPAWN_SETSIGDEF))

    var pointers: [UnsafeMutablePointer<CChar>?] =
      ([program] + self.arguments).map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var pid: pid_t = 0
    if let folder = self.folder, chdir(folder) != 0 {
      throw Failure(file: folder, "go to", errno: errno)
    }
    let status = posix_spawn(&pid, program, &actions, &attributes, &pointers, environ)
    guard status == 0 else { throw Failure(file: program, "start", errno: status) }
    return pid
  }

  /// The last lines of the daemon's log.
  private static func tail(of path: String) -> String {
    guard let file = try? InputFile(path: path), let bytes = try? file.next() else { return "" }
    return String(decoding: bytes.suffix(2_000), as: UTF8.self)
  }
}
