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
        The new one is the riffd beside this program. Running jobs have the old one's grace period \
        to finish. If a service manager started the daemon, let that restart it.
        """)

    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let socket = self.riff.socket(self.connection)
      try await interruptible {
        let path = try SocketPath(Self.absolute(socket))
        var launcher = DaemonLauncher(socket: path)
        if let holder = try LockHolder(path) {
          launcher = DaemonLauncher(socket: path, arguments: try holder.arguments())
          launcher.folder = holder.folder
          try await holder.end()
        }
        try await launcher.launch()
        print("riffd\(try LockHolder(path).map { " (\($0.pid))" } ?? "") listens on \(path.text)")
      }
    }

    private static func absolute(_ path: String) -> String {
      guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
      defer { free(folder) }
      return String(cString: folder) + "/" + path
    }
  }
}
