#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The riff-web that stands beside this program, running.
final class WebProgram: Sendable {
  private let pid: pid_t
  private let output: Int32

  /// - Throws: ``Failure`` where it cannot be started.
  init(socket: String, port: Int?) throws {
    guard let program = ProgramBeside.path("riff-web") else {
      throw Failure(message: "there is no riff-web to start at \(ProgramBeside.folder)/riff-web")
    }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(file: program, "start", errno: errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // What this program ignores or catches, it does not.
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&defaults, number) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    var words = [program, "--socket", socket]
    if let port { words += ["--port", "\(port)"] }
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var pid: pid_t = 0
    let status = posix_spawn(&pid, program, &actions, &attributes, &pointers, environ)
    guard status == 0 else {
      close(ends[0])
      throw Failure(file: program, "start", errno: status)
    }
    self.pid = pid
    self.output = ends[0]
  }

  deinit { close(self.output) }

  /// Its address; nil where it ends instead, having said why.
  func firstLine() -> String? { WebAddress.line(from: self.output) }

  /// Waits until it ends, and ends it when the task is cancelled.
  func ended() async throws {
    var status: Int32 = 0
    do {
      while waitpid(self.pid, &status, WNOHANG) != self.pid {
        try await Task.sleep(for: .milliseconds(100))
      }
    } catch {
      kill(self.pid, SIGTERM)
      while waitpid(self.pid, &status, 0) < 0, errno == EINTR {}
      throw error
    }
    guard status == 0 else { throw Failure(message: "riff-web has ended") }
  }
}
