import Foundation
import GRPCCore
import RiffProtocol
import SwiftProtobuf
import Synchronization
import Testing

extension DaemonTests {
  /// A call's `grpc-timeout` ends its work, whatever that is at the time.
  @Suite struct DeadlineTests {
    private static func options(seconds: Double) -> CallOptions {
      var options = CallOptions.defaults
      options.timeout = .seconds(seconds)
      return options
    }

    /// How a call ends that has so long; `heard` gets each event.
    private func ended(
      _ client: RunningDaemon.Client, _ request: Riff_V1_GenerateRequest, seconds: Double,
      _ heard: @escaping @Sendable (Riff_V1_JobEvent) async throws -> Void = { _ in }
    ) async -> RPCError.Code? {
      do {
        try await client.generate(request, options: Self.options(seconds: seconds)) { response in
          for try await event in response.messages { try await heard(event) }
        }
        return nil
      } catch let error as RPCError {
        return error.code
      } catch {
        return .unknown
      }
    }

    private func request(steps: UInt32, seconds: Double = 2) -> Riff_V1_GenerateRequest {
      .with {
        $0.prompt = "harp"
        $0.steps = steps
        $0.durationSeconds = seconds
      }
    }

    @Test func whileItsUploadIsOnItsWay() async throws {
      let daemon = try await RunningDaemon()
      let code = try await daemon.client { client -> RPCError.Code? in
        do {
          try await client.render(
            options: Self.options(seconds: 1),
            requestProducer: { writer in
              try await writer.write(.with { $0.options = .init() })
              while try await daemon.status().jobs.isEmpty {
                try await Task.sleep(for: .milliseconds(20))
              }
              // The file never comes.
              try await Task.sleep(for: .seconds(600))
            },
            onResponse: { response in for try await _ in response.messages {} })
          return nil
        } catch let error as RPCError {
          return error.code
        }
      }
      #expect(code == .deadlineExceeded)
      let status = try await daemon.waitForSilence()
      #expect(status.jobsCancelled == 1 && status.uploadBytes == 0)
    }

    @Test func whileItWaitsItsTurnInACrowd() async throws {
      let daemon = try await RunningDaemon()
      let long = self.request(steps: 1_000)
      let code = try await daemon.client { client in
        let crowd = (0..<12).map { _ in Task { try await client.events(long) } }
        while try await daemon.status().jobs.count < 12 {
          try await Task.sleep(for: .milliseconds(20))
        }
        let code = await self.ended(client, long, seconds: 0.4)
        // The others go on.
        while try await daemon.status().jobs.count > 12 {
          try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await daemon.status().jobs.count == 12)
        for job in crowd { job.cancel() }
        return code
      }
      #expect(code == .deadlineExceeded)
      #expect(try await daemon.waitForSilence().jobsCancelled == 13)
    }

    @Test func whileItDenoises() async throws {
      let daemon = try await RunningDaemon()
      let request = self.request(steps: 1_000)
      let steps = Mutex<UInt32>(0)
      let code = try await daemon.client { client in
        await self.ended(client, request, seconds: 2) { event in
          if event.progress.stage == .denoising { steps.withLock { $0 = event.progress.step } }
        }
      }
      #expect(code == .deadlineExceeded)
      #expect(steps.withLock { 1..<1_000 ~= $0 })
      #expect(try await daemon.waitForSilence().jobsCancelled == 1)
    }

    /// The caller reads nothing after the first sound, so that the daemon waits until it may send.
    @Test func whileItSends() async throws {
      let daemon = try await RunningDaemon()
      var request = self.request(steps: 1, seconds: 20)
      request.output = .pcmF32
      let audio = Mutex(0)
      var calls: UInt64 = 0
      // However slow the machine is: until there is sound before the deadline.
      for seconds in [2.0, 4, 8, 16, 32, 64] where audio.withLock({ $0 }) == 0 {
        calls += 1
        let code = try await daemon.client { [request] client in
          await self.ended(client, request, seconds: seconds) { event in
            guard !event.audio.isEmpty else { return }
            audio.withLock { $0 += 1 }
            try await Task.sleep(for: .seconds(600))
          }
        }
        #expect(code == .deadlineExceeded || code == .cancelled)
      }
      #expect(audio.withLock { $0 } == 1)
      let status = try await daemon.waitForSilence()
      #expect(status.jobsCancelled == calls && status.jobsDone == 0)
    }
  }
}
