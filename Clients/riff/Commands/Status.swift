import ArgumentParser
import GRPCCore
import RiffProtocol
import SwiftProtobuf

extension Riff {
  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "What the daemon is doing. Does not start one.",
      discussion: """
        riff status
        riff status --watch --interval 5
        riff status --json | jq .peakMemoryBytes
        """)

    @Flag(help: "Go on until interrupted.")
    var watch = false

    @Option(help: "With --watch: longest time between two answers, 0.1 to 3600 seconds.")
    var interval = 1.0

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let json = self.riff.printsJSON(self.connection)
      guard self.watch else {
        let status = try await self.riff.connect(self.connection, launches: false) { daemon in
          try await daemon.status(Riff_V1_StatusRequest())
        }
        try Self.show(status, json: json)
        return
      }
      let request = Riff_V1_WatchStatusRequest.with { $0.intervalSeconds = self.interval }
      try await self.riff.connect(self.connection, launches: false) { daemon in
        try await daemon.watchStatus(request) { response in
          for try await status in response.messages {
            // A terminal shows the latest alone; anything else gets them one after the other.
            if !json, Terminal.standardOutput.isInteractive {
              Terminal.standardOutput.write("\u{1b}[H\u{1b}[J")
            }
            try Self.show(status, json: json)
          }
        }
      }
    }

    private static func show(_ status: Riff_V1_StatusResponse, json: Bool) throws {
      if json { return try JSONLines.standardOutput.write(status) }
      print(
        """
        riffd \(status.version), pid \(status.pid), up \(Int(status.uptimeSeconds)) s, \
        \(status.threads) threads, \(status.memoryBytes >> 20) MiB, at most \
        \(status.peakMemoryBytes >> 20) MiB so far
        jobs: \(status.jobs.count) now, \(status.jobsDone) done, \(status.jobsCancelled) cancelled, \
        \(status.jobsFailed) failed; at most \(status.jobsLimit), \
        \(status.jobsLimitPerConnection) of one connection
        """)
      if !status.logPath.isEmpty { print("log: \(status.logPath)") }
      for pace in status.paces {
        print(
          """
          \(pace.model): \(Int((pace.stepSeconds * 1_000).rounded())) ms a step at \(pace.width) px, \
          \(ProgressLine.seconds(pace.realTimeFactor)) s of sound a second\
          \(pace.precision.isEmpty ? "" : ", \(pace.precision)")
          """)
      }
      for job in status.jobs { print(Self.line(job)) }
    }

    private static func line(_ job: Riff_V1_Job) -> String {
      let progress = job.progress
      let stage: String =
        switch progress.stage {
        case .queued: "waiting, \(progress.queuePosition) jobs before it"
        case .loading: "loading the model"
        case .encoding: "reading the file to start from"
        case .denoising: "painting \(progress.step)/\(progress.steps)"
        case .decoding: "decoding the picture"
        case .sound: "sound \(ProgressLine.seconds(progress.secondsDone)) s"
        case .unspecified, .UNRECOGNIZED: "?"
        }
      let title = job.title.isEmpty ? "" : " “\(job.title)”"
      let left =
        progress.hasSecondsLeft
        ? ", about \(ProgressLine.seconds(progress.secondsLeft)) s left" : ""
      return "  #\(job.id) \(job.method)\(title): \(stage), \(Int(job.ageSeconds)) s old\(left)"
    }
  }
}
