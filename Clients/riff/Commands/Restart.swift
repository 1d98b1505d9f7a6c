import ArgumentParser
import FramedTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Riff {
  struct Restart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Ends the daemon and starts one with the same arguments.",
      discussion: """
        riff restart
        riff restart --socket /run/user/1000/other.sock

        The new one is the riffd beside this program. Running jobs have the old one's grace period \
        to finish. If the socket is a service manager's, that starts the new one.
        """)

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let socket = self.riff.socket(self.connection)
      try await interruptible {
        let path = try SocketPath(Self.absolute(socket))
        var launcher = DaemonLauncher(socket: path)
        let holder = try LockHolder(path)
        if let holder {
          launcher = DaemonLauncher(socket: path, arguments: try holder.arguments())
          launcher.folder = holder.folder
          try await holder.end()
        }
        if SocketPlace.isLive(path) {
          // A service manager listens, and starts the daemon now that somebody has connected.
          try await Self.waitForActivation(path, after: holder?.pid)
        } else {
          try await launcher.launch()
        }
        print("riffd\(try LockHolder(path).map { " (\($0.pid))" } ?? "") listens on \(path.text)")
      }
    }

    /// - Parameter before: The process of the one that has ended, whose number the lock file has for a moment.
    private static func waitForActivation(_ path: SocketPath, after before: pid_t?) async throws {
      let deadline = ContinuousClock.now + DaemonLauncher.patience
      var nextLook = ContinuousClock.now + Self.lookInterval
      while try LockHolder(path).map({ $0.pid == before }) ?? true {
        guard ContinuousClock.now < deadline else {
          throw Failure(
            message: """
              the service manager that listens on \(path.text) has not started riffd; journalctl --user \
              -u riffd may say why
              """)
        }
        if ContinuousClock.now > nextLook {
          // The old one may have taken the connection that was to wake the service manager.
          _ = SocketPlace.isLive(path)
          nextLook = ContinuousClock.now + Self.lookInterval
        }
        try await Task.sleep(for: .milliseconds(20))
      }
    }

    private static let lookInterval = Duration.seconds(1)

    private static func absolute(_ path: String) -> String {
      guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
      defer { free(folder) }
      return String(cString: folder) + "/" + path
    }
  }
}
