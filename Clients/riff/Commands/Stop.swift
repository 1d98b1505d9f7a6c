import ArgumentParser
import FramedTransport

extension Riff {
  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Ends the daemon. Running jobs have its grace period to finish.")

    @OptionGroup var connection: ConnectionOptions
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
        print("riffd (\(holder.pid)) has ended")
      }
    }
  }
}
