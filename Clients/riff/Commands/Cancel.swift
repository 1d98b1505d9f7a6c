import ArgumentParser
import GRPCCore
import RiffProtocol
import SwiftProtobuf

extension Riff {
  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stops a job, whoever asked for it. Does not start a daemon.",
      discussion: """
        riff cancel 7
        """)

    @Argument(help: "The job's number, as riff status gives it.")
    var id: UInt64

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let request = Riff_V1_CancelJobRequest.with { $0.jobID = self.id }
      _ = try await self.riff.connect(self.connection, launches: false) { daemon in
        try await daemon.cancelJob(request)
      }
      if self.riff.printsJSON(self.connection) { try JSONLines.standardOutput.write(request) }
    }
  }
}
