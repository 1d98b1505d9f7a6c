import Foundation
import GRPCCore
import GRPCProtobuf
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// What the daemon takes at most, and what it says to those it refuses.
  @Suite struct AdmissionTests {
    @Test func aCallBeyondTheBoundIsToldWhenToTryAgain() async throws {
      let daemon = try await RunningDaemon()
      let limit = Int(try await daemon.status().jobsLimitPerConnection)
      #expect(limit > 0)
      let refused = try await daemon.client { client -> RPCError? in
        // Jobs count from their options on; these wait for their files.
        let waiting = (0..<limit).map { _ in
          Task {
            try await client.render(
              requestProducer: { writer in
                try await writer.write(.with { $0.options = .init() })
                try await Task.sleep(for: .seconds(600))
              },
              onResponse: { response in for try await _ in response.messages {} })
          }
        }
        defer { for call in waiting { call.cancel() } }
        while try await daemon.status().jobs.count < limit {
          try await Task.sleep(for: .milliseconds(20))
        }
        do {
          _ = try await client.events(.with { $0.prompt = "harp" })
          return nil
        } catch let error as RPCError {
          return error
        }
      }
      let error = try #require(refused)
      #expect(error.code == .resourceExhausted)
      #expect(error.message.contains("\(limit) jobs"), "\(error.message)")
      let details = try #require(try error.unpackGoogleRPCStatus()).details
      let delay = try #require(details.compactMap(\.retryInfo).first).delay
      #expect(delay >= .seconds(0.5) && delay <= .seconds(60))
      // Whoever comes by another connection is let in, and this one again when they are gone.
      _ = try await daemon.waitForSilence()
      let events = try await daemon.client { client in
        try await client.events(
          .with {
            $0.prompt = "harp"
            $0.steps = 1
            $0.durationSeconds = 1
          })
      }
      #expect(events.last?.done.durationSamples == 48_000)
    }

    private func loaded(_ daemon: RunningDaemon) async throws -> [Bool] {
      try await daemon.client { try await $0.listModels(.init()).models.map(\.loaded) }
    }

    private func load(_ name: String, _ daemon: RunningDaemon) async throws {
      let result = try await daemon.riff(["models", "load", name])
      #expect(result.status == 0, "\(result.errors)")
    }

    @Test func theModelUsedLongestAgoLeavesFirst() async throws {
      let models = ["a", "b", "c"].map { (name: $0, directory: Checkout.bundledModel) }
      let alone = try await RunningDaemon(models: models)
      try await self.load("a", alone)
      let size = try await alone.client { try await $0.listModels(.init()).models[0].residentBytes }
      let daemon = try await RunningDaemon(
        models: models,
        arguments: ["--no-bundled-models", "--model-memory", "\(size * 5 / 2)"])
      for name in ["a", "b", "a", "c"] { try await self.load(name, daemon) }
      #expect(try await self.loaded(daemon) == [true, false, true])
      // One that works stays, though it was used before the others.
      let long = Riff_V1_GenerateRequest.with {
        $0.prompt = "harp"
        $0.steps = 1_000
        $0.model = "a"
      }
      let stayed = try await daemon.client { client in
        let job = Task { try await client.events(long) }
        try await daemon.waitForDenoising()
        try await self.load("c", daemon)
        try await self.load("b", daemon)
        let loaded = try await self.loaded(daemon)
        job.cancel()
        return loaded
      }
      #expect(stayed == [true, true, false])
    }

    @Test func aModelStaysAsLongAsTheDaemonOrTheRequestSays() async throws {
      func daemon(_ keepAlive: String) async throws -> RunningDaemon {
        try await RunningDaemon(
          arguments: ["--no-bundled-models", "--keep-alive", keepAlive])
      }
      func play(_ daemon: RunningDaemon, keepAlive: Double? = nil) async throws {
        _ = try await daemon.client { client in
          try await client.events(
            .with {
              $0.prompt = "harp"
              $0.steps = 1
              $0.durationSeconds = 1
              if let keepAlive { $0.keepAliveSeconds = keepAlive }
            })
        }
      }
      func waitUntilGone(_ daemon: RunningDaemon) async throws {
        while try await self.loaded(daemon)[0] { try await Task.sleep(for: .milliseconds(20)) }
      }
      // Not at all, but where a request asks for it.
      let brief = try await daemon("0")
      try await play(brief)
      try await waitUntilGone(brief)
      try await play(brief, keepAlive: .infinity)
      #expect(try await self.loaded(brief) == [true])
      try await play(brief)
      try await waitUntilGone(brief)
      // For a time.
      let some = try await daemon("0.5")
      try await play(some)
      try await waitUntilGone(some)
      // For ever, but where a request wants none of it, or a time.
      let ever = try await daemon("forever")
      try await play(ever, keepAlive: 0.2)
      try await waitUntilGone(ever)
      try await play(ever, keepAlive: 0)
      try await waitUntilGone(ever)
      try await play(ever)
      #expect(try await self.loaded(ever) == [true])
    }
  }
}
