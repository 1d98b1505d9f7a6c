import ArgumentParser
import GRPCCore
import RiffProtocol
import SwiftProtobuf

extension Riff.Models {
  struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Reads a model's weights before they are needed.",
      discussion: """
        riff models load riff-mini
        riff models load riffusion --keep-alive 3600
        """)

    @Argument(help: "The model's name, as riff models gives it.")
    var name: String

    @Option(help: "Seconds that it stays after its last job. (default: the daemon's own setting)")
    var keepAlive: Double?

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var models: Riff.Models

    func run() async throws {
      let request = Riff_V1_LoadModelRequest.with {
        $0.model = self.name
        if let keepAlive { $0.keepAliveSeconds = keepAlive }
      }
      let json = self.models.riff.printsJSON(self.connection)
      try await self.models.connect(self.connection) { daemon in
        try await daemon.loadModel(request) { response in
          var progress = ProgressLine(isShared: false)
          for try await event in response.messages {
            if json {
              try JSONLines.standardOutput.write(event: event)
            } else if case .progress(let now) = event.event {
              progress.show(now, jobID: event.jobID)
            }
          }
          progress.clear()
        }
      }
    }
  }

  struct Unload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Gives a model's memory back; jobs that work with it go on.",
      discussion: """
        riff models unload riff-mini
        """)

    @Argument(help: "The model's name, as riff models gives it.")
    var name: String

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var models: Riff.Models

    func run() async throws {
      let request = Riff_V1_UnloadModelRequest.with { $0.model = self.name }
      let response = try await self.models.connect(self.connection, launches: false) {
        try await $0.unloadModel(request)
      }
      if self.models.riff.printsJSON(self.connection) {
        try JSONLines.standardOutput.write(response)
      } else {
        print("\(self.name): \(response.freedBytes >> 20) MiB")
      }
    }
  }
}

extension Riff.Models {
  /// As ``Riff/connect(_:launches:file:usesStandardOutput:_:)``, where the model is not an option.
  private func connect<R: Sendable>(
    _ options: ConnectionOptions, launches: Bool = true,
    _ work: @escaping @Sendable (DaemonConnection.Client) async throws -> R
  ) async throws -> R {
    do {
      return try await self.riff.connect(options, launches: launches, work)
    } catch var failure as Failure {
      let option = "--model: "
      if failure.message.hasPrefix(option) { failure.message.removeFirst(option.count) }
      throw failure
    }
  }
}
