import Foundation
import GRPCCore
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// A daemon seen from outside: watched, told to stop a job, to read a model and to let it go.
  @Suite struct WatchTests {
    private func long() -> Riff_V1_GenerateRequest {
      .with {
        $0.prompt = "harp"
        $0.steps = 1_000
      }
    }

    @Test func aJobIsWatchedAndCancelledByItsNumber() async throws {
      let daemon = try await RunningDaemon()
      let request = self.long()
      async let job: RPCError? = daemon.client { client in
        do {
          _ = try await client.events(request)
          return nil
        } catch let error as RPCError {
          return error
        }
      }
      let seen = try await daemon.client { client in
        try await client.watchStatus(.with { $0.intervalSeconds = 0.2 }) {
          response -> Riff_V1_StatusResponse in
          for try await status in response.messages {
            if let job = status.jobs.first, job.progress.stage == .denoising, job.progress.step > 2
            {
              return status
            }
          }
          throw RPCError(code: .unknown, message: "the watch ended")
        }
      }
      #expect(seen.memoryBytes > 0 && seen.memoryBytes <= seen.peakMemoryBytes)
      #expect(seen.jobsLimit > 0 && seen.connections >= 2 && seen.streamsLimit > 0)
      let cancelled = try await daemon.riff(["cancel", "\(seen.jobs[0].id)"])
      #expect(cancelled.status == 0, "\(cancelled.errors)")
      let ended = try await job
      #expect(ended?.code == .cancelled)
      #expect(try await daemon.waitForSilence().jobsCancelled == 1)
      let gone = try await daemon.riff(["cancel", "\(seen.jobs[0].id)", "--json"])
      #expect(gone.status == 1 && gone.errors.contains("\"code\":\"notFound\""))
    }

    @Test func eventsCarryTheJobsNumberAndThenThePaceIsKnown() async throws {
      let daemon = try await RunningDaemon()
      var request = self.long()
      request.steps = 8
      request.durationSeconds = 1
      let events = try await daemon.client { [request] in try await $0.events(request) }
      #expect(Set(events.map(\.jobID)) == [1])
      #expect(events.last?.done.jobID == 1)
      let status = try await daemon.status()
      #expect(status.paces.map(\.model) == ["riff-mini"])
      #expect((status.paces.first?.stepSeconds ?? 0) > 0)
      #expect((status.paces.first?.realTimeFactor ?? 0) > 0)
      // The second time, how long it takes is told.
      let again = try await daemon.client { [request] in try await $0.events(request) }
      #expect(again.contains { $0.progress.stage == .denoising && $0.progress.hasSecondsLeft })
    }

    @Test func modelsAreReadAndLetGoByName() async throws {
      let daemon = try await RunningDaemon()
      let loaded = try await daemon.riff(["models", "load", "riff-mini"])
      #expect(loaded.status == 0, "\(loaded.errors)")
      let models = try await daemon.riff(["models", "--json"])
      let line = try #require(
        try JSONSerialization.jsonObject(with: Data(models.output)) as? [String: Any])
      #expect(line["name"] as? String == "riff-mini")
      #expect((line["residentBytes"] as? Int ?? 0) > 10 << 20)
      let unloaded = try await daemon.riff(["models", "unload", "riff-mini", "--json"])
      let freed = try #require(
        try JSONSerialization.jsonObject(with: Data(unloaded.output)) as? [String: Any])
      #expect(freed["freedBytes"] as? Int == line["residentBytes"] as? Int)
      #expect(
        try await daemon.client { try await $0.listModels(.init()) }.models[0].loaded == false)
      let unknown = try await daemon.riff(["models", "load", "nobody"])
      #expect(unknown.status == 64)
      #expect(unknown.errors.hasPrefix("riff: no model is named “nobody”"), "\(unknown.errors)")
    }
  }
}
