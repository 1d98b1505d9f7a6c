#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A program that this one started, and waits for.
final class ChildProgram: Sendable {
  let name: String
  private let pid: pid_t

  /// Starts a program of the user's path.
  ///
  /// - Parameters:
  ///   - arguments: Its name and arguments.
  ///   - input: Its standard input; unset: nothing to read.
  ///   - output: Its standard output; unset: this program's.
  /// - Returns: nil where there is no such program.
  /// - Throws: ``Failure`` when it cannot be started.
  init?(_ arguments: [String], input: Int32? = nil, output: Int32? = nil) throws {
    self.name = arguments[0]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    } else {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    }
    if let output { posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) }
    // What is ignored here would be ignored there.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&defaults, number) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var pid: pid_t = 0
    let status = posix_spawnp(&pid, arguments[0], &actions, &attributes, &pointers, environ)
    guard status == 0 else {
      if status == ENOENT || status == EACCES { return nil }
      throw Failure(file: arguments[0], "start", errno: status)
    }
    self.pid = pid
  }

  /// Makes a pipe that children only have where they are given an end of it.
  ///
  /// - Throws: ``Failure``.
  static func pipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    #if canImport(Glibc)
      let status = Glibc.pipe(&ends)
    #elseif canImport(Musl)
      let status = Musl.pipe(&ends)
    #else
      let status = Darwin.pipe(&ends)
    #endif
    guard status == 0 else {
      throw Failure(message: "cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// Whether there is such a program in the user's path.
  static func exists(_ name: String) -> Bool {
    if name.contains("/") { return access(name, X_OK) == 0 }
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
    return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
  }

  /// Waits on this thread until it has ended.
  ///
  /// - Returns: Whether it succeeded.
  func wait() -> Bool {
    var status: Int32 = 0
    while waitpid(self.pid, &status, 0) < 0 {
      if errno != EINTR { return false }
    }
    return status == 0
  }

  /// Waits until it has ended; it is told to end when the task is cancelled.
  ///
  /// - Returns: Whether it succeeded.
  /// - Throws: `CancellationError`.
  func ended() async throws -> Bool {
    var status: Int32 = 0
    while waitpid(self.pid, &status, WNOHANG) == 0 {
      do {
        try await Task.sleep(for: .milliseconds(20))
      } catch {
        self.end()
        throw error
      }
    }
    return status == 0
  }

  /// Tells it to end and waits. Has no effect on one that was waited for.
  func end() {
    var status: Int32 = 0
    if waitpid(self.pid, &status, WNOHANG) == 0 {
      kill(self.pid, SIGTERM)
      waitpid(self.pid, &status, 0)
    }
  }
}
