import Foundation
import FramedTransport
import GRPCCore
import SwiftProtobuf
import RiffProtocol
import Testing

extension DaemonTests {
  /// Jobs end with their calls; daemons do not fight; the CLI starts one.
  @Suite struct LifecycleTests {
    private static let long = Riff_V1_GenerateRequest.with {
      $0.prompt = "endless strings"
      $0.steps = 1_000
    }

    @Test func cancellingACallStopsTheWork() async throws {
      let daemon = try await RunningDaemon()
      let call = Task { try await daemon.client { try await $0.events(Self.long) } }
      try await daemon.waitForDenoising()
      call.cancel()
      let status = try await daemon.waitForSilence()
      #expect(status.jobsCancelled == 1 && status.jobsDone == 0)
      await #expect(throws: (any Error).self) { try await call.value }
    }

    @Test func aDeadlineStopsTheWork() async throws {
      let daemon = try await RunningDaemon()
      let error = await #expect(throws: RPCError.self) {
        try await daemon.client { client in
          var options = CallOptions.defaults
          options.timeout = .seconds(3)
          return try await client.generate(Self.long, options: options) { response in
            for try await _ in response.messages {}
          }
        }
      }
      #expect(error?.code == .deadlineExceeded, "\(String(describing: error))")
      #expect(try await daemon.waitForSilence().jobsCancelled == 1)
    }

    @Test func aLostClientStopsTheWork() async throws {
      let daemon = try await RunningDaemon()
      let client = try Program(
        Checkout.program("riff"),
        ["--socket", daemon.socket, "generate", "endless strings", "--steps", "1000", "-o", "-"])
      try await daemon.waitForDenoising()
      client.signal(SIGKILL)
      #expect(try await daemon.waitForSilence().jobsCancelled == 1)
    }

    @Test func interruptingTheCLIStopsTheWorkAndLeavesNoFile() async throws {
      let daemon = try await RunningDaemon()
      let output = try TemporaryFolder()
      let client = try Program(
        Checkout.program("riff"),
        [
          "--socket", daemon.socket, "generate", "endless strings", "--steps", "1000", "-o",
          output.file("x.opus"),
        ])
      try await daemon.waitForDenoising()
      client.signal(SIGINT)
      #expect(try await client.result().status == 130)
      #expect(try await daemon.waitForSilence().jobsCancelled == 1)
      #expect(output.contents.isEmpty)
    }

    @Test func aSecondDaemonIsRefusedAndTheFirstGoesOn() async throws {
      let daemon = try await RunningDaemon()
      let second = try await Program.run(
        Checkout.program("riffd"),
        ["--socket", daemon.socket, "--model", "riff-mini=\(Checkout.bundledModel)"])
      #expect(second.status != 0)
      #expect(second.errors.contains(daemon.socket), "\(second.errors)")
      #expect(try await daemon.status().pid == UInt32(daemon.program.pid))
    }

    @Test func aKilledDaemonsSocketIsTakenOver() async throws {
      let daemon = try await RunningDaemon()
      daemon.program.signal(SIGKILL)
      _ = try await daemon.program.result()
      let next = try Program(
        Checkout.program("riffd"),
        ["--socket", daemon.socket, "--model", "riff-mini=\(Checkout.bundledModel)"])
      defer { next.signal(SIGKILL) }
      while !SocketPlace.isLive(try SocketPath(daemon.socket)) {
        try #require(next.isRunning, "\(next.errors)")
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(try await daemon.status().pid == UInt32(next.pid))
    }

    @Test func aFolderThatOthersCanEnterIsRefused() async throws {
      let folder = try TemporaryFolder()
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
      for program in ["riffd", "riff"] {
        let result = try await Program.run(
          Checkout.program(program),
          ["--socket", folder.file("s")] + (program == "riff" ? ["models"] : []))
        #expect(result.status == 1, "\(program): \(result.status)")
        #expect(result.errors.contains("0700"), "\(program): \(result.errors)")
        // Advice that would lock others out of a folder that is theirs, too.
        #expect(!result.errors.contains("chmod"), "\(program): \(result.errors)")
      }
    }

    @Test func theCLIStartsADaemonWhereNoneListens() async throws {
      let folder = try TemporaryFolder()
      let socket = folder.file("riffd.sock")
      let environment = ["RIFF_SOCKET": socket, "RIFF_MODELS": Checkout.root + "/Models"]
      let riff = try Checkout.program("riff")
      let before = try await Program.run(riff, ["status"], environment: environment)
      #expect(before.status == 1)
      let models = try await Program.run(riff, ["models"], environment: environment)
      #expect(models.status == 0, "\(models.errors)")
      #expect(String(decoding: models.output, as: UTF8.self).hasPrefix("riff-mini"))
      let after = try await Program.run(riff, ["status"], environment: environment)
      let text = String(decoding: after.output, as: UTF8.self)
      let pid = try #require(text.firstMatch(of: /pid ([0-9]+)/).flatMap { Int32($0.1) })
      kill(pid, SIGTERM)
      while kill(pid, 0) == 0 { try await Task.sleep(for: .milliseconds(10)) }
      #expect(!folder.contents.contains("riffd.sock"))
    }

    @Test func anIdleDaemonEnds() async throws {
      let daemon = try await RunningDaemon(arguments: ["--idle-timeout", "1"])
      #expect(try await daemon.program.result().status == 0)
      #expect(!daemon.folder.contents.contains("riffd.sock"))
    }

    @Test func aDaemonThatIsToldToEndLetsARunningJobFinish() async throws {
      let daemon = try await RunningDaemon(arguments: ["--grace", "300"])
      #expect(
        try await Self.events(endingAtTheFirstStep: daemon).contains { !$0.spectrogram.isEmpty })
      #expect(try await daemon.program.result().status == 0)
    }

    /// The events of a job whose first step makes the test send SIGTERM to its daemon.
    private static func events(
      endingAtTheFirstStep daemon: RunningDaemon
    ) async throws -> [Riff_V1_JobEvent] {
      let request = Riff_V1_GenerateRequest.with {
        $0.prompt = "strings"
        $0.steps = 30
        $0.output = .none
      }
      return try await daemon.client { client in
        try await client.generate(request) { response in
          var events: [Riff_V1_JobEvent] = []
          for try await event in response.messages {
            if event.progress.stage == .denoising, events.last?.progress.stage != .denoising {
              daemon.program.signal(SIGTERM)
            }
            events.append(event)
          }
          return events
        }
      }
    }
  }
}
