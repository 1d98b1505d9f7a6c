import Foundation
import Testing

extension DaemonTests {
  /// `riff restart` where a service manager listens and starts the daemon.
  @Suite struct RestartTests {
    /// What systemd does with riffd.socket and riffd.service: it listens, and starts the daemon whenever somebody
    /// connects and none runs.
    private static let manager = """
      import os, select, socket, sys
      path, program = sys.argv[1:3]
      listener = socket.socket(socket.AF_UNIX)
      listener.bind(path)
      os.chmod(path, 0o600)
      listener.listen(16)
      while True:
          select.select([listener], [], [])
          pid = os.fork()
          if pid == 0:
              # Number 3, open in the daemon.
              os.dup2(listener.fileno(), 3)
              os.set_inheritable(3, True)
              os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
              os.execv(program, [program, "--threads", "2", "--idle-timeout", "60", "--no-bundled-models",
                                 "--model", sys.argv[3]])
          print(pid, flush=True)
          os.waitpid(pid, 0)
      """

    @Test func theManagerStartsTheNewOne() async throws {
      let folder = try TemporaryFolder()
      let socket = folder.file("riffd.sock")
      let manager = try Program(
        "/usr/bin/python3",
        [
          "-c", Self.manager, socket, Checkout.program("riffd"),
          "riff-mini=\(Checkout.bundledModel)",
        ])
      defer { manager.signal(SIGKILL) }
      while !FileManager.default.fileExists(atPath: socket) {
        try #require(manager.isRunning, "\(manager.errors)")
        try await Task.sleep(for: .milliseconds(10))
      }
      func riff(_ arguments: [String]) async throws -> String {
        let result = try await Program.run(
          Checkout.program("riff"), ["--socket", socket] + arguments)
        try #require(result.status == 0, "\(result.errors) \(manager.errors)")
        #expect(result.errors.isEmpty, "\(result.errors)")
        return String(decoding: result.output, as: UTF8.self)
      }
      func pid() async throws -> String {
        let status = try await riff(["status"])
        let words = status.split { " ,".contains($0) }.map(String.init)
        let place = try #require(words.firstIndex(of: "pid"), "\(status)")
        return words[place + 1]
      }
      // None runs yet: the first connection starts one.
      let started = try await riff(["restart"])
      let first = try await pid()
      #expect(started.contains("riffd (\(first)) listens on \(socket)"), "\(started)")
      let restarted = try await riff(["restart"])
      let second = try await pid()
      #expect(second != first && restarted.contains("riffd (\(second)) listens"), "\(restarted)")
      // It is the manager's, with the manager's arguments, and nobody else's child.
      let parent = try String(contentsOfFile: "/proc/\(second)/stat", encoding: .utf8)
        .split(separator: " ")[3]
      #expect(parent == "\(manager.pid)")
      let stopped = try await riff(["stop"])
      #expect(stopped.contains("starts it again"), "\(stopped)")
      #expect(try await pid() != second)
      if let last = Int32(try await pid()) { kill(last, SIGKILL) }
    }
  }
}
