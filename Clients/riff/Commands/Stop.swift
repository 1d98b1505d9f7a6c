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
  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Ends the daemon. Running jobs have its grace period to finish.",
      discussion: """
        riff stop
        riff stop --socket /run/user/1000/other.sock
        """)

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let socket = self.riff.socket(self.connection)
      try await interruptible {
        let path = try SocketPath(socket)
        guard let holder = try LockHolder(path) else {
          print("no riffd is running on \(path.text)")
          return
        }
        try await holder.end()
        // Not by connecting, which would start it.
        let isActivated = access(path.text, F_OK) == 0
        print(
          "riffd (\(holder.pid)) has ended"
            + (isActivated ? "; the service manager starts it again when somebody connects" : ""))
      }
    }
  }
}
