import ArgumentParser
import RiffProtocol

extension Riff {
  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "What the daemon is doing. Does not start one.")

    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let status = try await self.riff.connect(self.connection, launches: false) { daemon in
        try await daemon.status(Riff_V1_StatusRequest())
      }
      print(
        """
        riffd \(status.version), pid \(status.pid), up \(Int(status.uptimeSeconds)) s, \
        \(status.threads) threads, at most \(status.peakMemoryBytes >> 20) MiB so far
        jobs: \(status.jobs.count) now, \(status.jobsDone) done, \(status.jobsCancelled) cancelled, \
        \(status.jobsFailed) failed
        """)
      if !status.logPath.isEmpty { print("log: \(status.logPath)") }
      for job in status.jobs { print(Self.line(job)) }
    }

    private static func line(_ job: Riff_V1_Job) -> String {
      let progress = job.progress
      let stage: String =
        switch progress.stage {
        case .queued: "waiting"
        case .loading: "loading the model"
        case .encoding: "reading the file to start from"
        case .denoising: "painting \(progress.step)/\(progress.steps)"
        case .decoding: "decoding the picture"
        case .sound: "sound \(ProgressLine.seconds(progress.secondsDone)) s"
        case .unspecified, .UNRECOGNIZED: "?"
        }
      let title = job.title.isEmpty ? "" : " “\(job.title)”"
      return "  #\(job.id) \(job.method)\(title): \(stage), \(Int(job.ageSeconds)) s old"
    }
  }
}
