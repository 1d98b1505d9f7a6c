import Foundation
import FramedTransport
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// `riffd --metrics`, asked by curl.
  @Suite struct MetricsTests {
    private func curl(_ arguments: [String], _ socket: String) async throws -> Program.Result {
      try await Program.run(
        "curl", ["-s", "--max-time", "20", "--unix-socket", socket] + arguments)
    }

    /// Values by name and labels.
    private func read(_ socket: String) async throws -> [String: Double] {
      let result = try await self.curl(["--fail", "http://riffd/metrics"], socket)
      try #require(result.status == 0, "\(result.status) \(result.errors)")
      let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
      return Dictionary(
        uniqueKeysWithValues: try lines.filter { !$0.hasPrefix("#") }.map { line in
          let space = try #require(line.lastIndex(of: " "))
          return (String(line[..<space]), try #require(Double(line[line.index(after: space)...])))
        })
    }

    @Test func whatJobsDidIsCounted() async throws {
      let folder = try TemporaryFolder()
      let socket = folder.file("metrics.sock")
      let daemon = try await RunningDaemon(
        arguments: ["--no-bundled-models", "--metrics", socket])
      var values = try await self.read(socket)
      #expect(values["riffd_jobs_total{kind=\"Generate\",end=\"done\"}"] == 0)
      #expect(values["riffd_underruns_total"] == 0 && values["riffd_models_in_memory"] == 0)

      let request = Riff_V1_GenerateRequest.with {
        $0.prompt = "harp"
        $0.steps = 3
        $0.durationSeconds = 1
        $0.wantSpectrogram = true
      }
      let events = try await daemon.client { try await $0.events(request) }
      let clip = folder.file("clip.wav")
      try await SoundWitness.make(clip)
      let analysed = try await daemon.riff(["spectrogram", clip, "-o", folder.file("clip.png")])
      #expect(analysed.status == 0, "\(analysed.errors)")
      let refused = try await daemon.riff(["spectrogram", Checkout.root + "/Package.swift"])
      #expect(refused.status != 0)
      // One that runs while it is asked, and is cancelled.
      let slow = try Program(
        Checkout.program("riff"),
        [
          "--socket", daemon.socket, "generate", "harp", "--steps", "1000", "--duration", "20",
          "-o",
          folder.file("slow.opus"),
        ])
      try await daemon.waitForDenoising()
      values = try await self.read(socket)
      #expect(values["riffd_jobs{state=\"running\"}"] == 1)
      slow.signal(SIGINT)
      _ = try await slow.result()
      _ = try await daemon.waitForSilence()

      values = try await self.read(socket)
      #expect(values["riffd_jobs_total{kind=\"Generate\",end=\"done\"}"] == 1)
      #expect(values["riffd_jobs_total{kind=\"Generate\",end=\"cancelled\"}"] == 1)
      #expect(values["riffd_jobs_total{kind=\"Analyze\",end=\"done\"}"] == 1)
      #expect(values["riffd_jobs_total{kind=\"Analyze\",end=\"failed\"}"] ?? 0 >= 1)
      #expect(values["riffd_jobs{state=\"running\"}"] == 0)
      #expect(values["riffd_jobs{state=\"queued\"}"] == 0)
      #expect(values["riffd_job_seconds_count{kind=\"Generate\"}"] == 2)
      let steps = try #require(values["riffd_step_seconds_count{model=\"riff-mini\"}"])
      #expect(steps >= 3)
      #expect(values["riffd_step_seconds_bucket{model=\"riff-mini\",le=\"+Inf\"}"] == steps)
      #expect(values["riffd_step_seconds_sum{model=\"riff-mini\"}"] ?? 0 > 0)
      #expect(values["riffd_real_time_factor{model=\"riff-mini\"}"] ?? 0 > 0)
      #expect(values["riffd_sent_bytes_total{what=\"sound\"}"] == Double(events.audio.count))
      let size = try #require(FileManager.default.contents(atPath: clip)).count
      #expect(values["riffd_received_bytes_total"] ?? 0 >= Double(size))
      #expect(values["riffd_memory_bytes"] ?? 0 > 1e7)
      #expect(values["riffd_models_in_memory"] == 1)
      #expect(values["riffd_model_memory_bytes{model=\"riff-mini\"}"] ?? 0 > 1e6)
      #expect(values["riffd_upload_bytes"] == 0)
    }

    /// SIGTERM comes while others connect; a job that runs has its time nevertheless.
    @Test func endsInOrderAmidConnections() async throws {
      let folder = try TemporaryFolder()
      let socket = folder.file("metrics.sock")
      let daemon = try await RunningDaemon(
        arguments: ["--no-bundled-models", "--grace", "120", "--metrics", socket])
      let job = Task {
        try await daemon.client { client in
          try await client.events(
            .with {
              $0.prompt = "harp"
              $0.steps = 200
              $0.durationSeconds = 1
            })
        }
      }
      try await daemon.waitForDenoising()
      // While it stands still, they all come to wait, and so does the signal.
      daemon.program.signal(SIGSTOP)
      let path = try SocketPath(socket)
      let clients = (0..<64).map { _ in path.connect() }
      defer { for client in clients { close(client) } }
      #expect(clients.allSatisfy { $0 >= 0 })
      daemon.program.signal(SIGTERM)
      daemon.program.signal(SIGCONT)
      #expect(try await job.value.last?.done.durationSamples == 48_000)
      let result = try await daemon.program.result()
      #expect(result.status == 0, "\(result.errors)")
    }

    @Test func aJamsSoundIsCounted() async throws {
      let folder = try TemporaryFolder()
      let socket = folder.file("metrics.sock")
      let daemon = try await RunningDaemon(
        arguments: ["--no-bundled-models", "--metrics", socket])
      #expect(try await self.read(socket)["riffd_sound_seconds_total"] == 0)
      let file = folder.file("jam.opus")
      let client = try Program(
        Checkout.program("riff"),
        ["--socket", daemon.socket, "jam", "church bells", "--steps", "6", "-o", file])
      while try await daemon.status().jobs.first?.progress.secondsDone ?? 0 < 1 {
        try #require(client.isRunning, "riff ended: \(client.errors)")
        try await Task.sleep(for: .milliseconds(20))
      }
      client.signal(SIGINT)
      let result = try await client.result()
      #expect(result.status == 0, "\(result.errors)")
      let values = try await self.read(socket)
      let size = try #require(FileManager.default.contents(atPath: file)).count
      #expect(values["riffd_sent_bytes_total{what=\"sound\"}"] == Double(size))
      #expect(values["riffd_sound_seconds_total"] ?? 0 >= 1)
    }

    /// The rules of the daemon's own socket, and HTTP's.
    @Test func theSocketAndItsWords() async throws {
      let folder = try TemporaryFolder()
      let socket = folder.file("metrics.sock")
      do {
        let daemon = try await RunningDaemon(
          arguments: ["--no-bundled-models", "--metrics", socket])
        let status = try FileManager.default.attributesOfItem(atPath: socket)
        #expect(status[.posixPermissions] as? Int == 0o600)
        #expect(folder.contents == ["metrics.sock", "metrics.sock.lock"])
        // Another daemon does not get it.
        let other = try await Program.run(
          Checkout.program("riffd"),
          ["--socket", daemon.folder.file("other.sock"), "--metrics", socket])
        #expect(other.status != 0 && other.errors.contains("serves"), "\(other.errors)")

        let head = try await self.curl(["-i", "http://riffd/"], socket)
        let text = String(decoding: head.output, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(text.contains("Content-Type: text/plain; version=0.0.4"))
        #expect(text.contains("# TYPE riffd_jobs_total counter"))
        #expect(text.contains("# HELP riffd_jobs_total "))
        for (arguments, code) in [
          (["http://riffd/nothing"], "404"), (["-X", "POST", "-d", "x", "http://riffd/"], "405"),
          (["-I", "http://riffd/metrics"], "200"), (["http://riffd/metrics?a=b"], "200"),
        ] {
          let result = try await self.curl(
            arguments + ["-o", "/dev/null", "-w", "%{http_code}"], socket)
          #expect(String(decoding: result.output, as: UTF8.self) == code, "\(arguments)")
        }
        // What is not HTTP harms nobody.
        let nonsense = try await Program.run(
          "/usr/bin/python3",
          [
            "-c",
            """
            import socket, sys
            for _ in range(40):
                client = socket.socket(socket.AF_UNIX)
                client.connect(sys.argv[1])
                client.sendall(b"\\x00\\xff nonsense\\r\\n\\r\\n" + b"x" * 100000)
                client.close()
            """, socket,
          ])
        #expect(nonsense.status == 0 || nonsense.errors.contains("Broken pipe"))
        #expect(try await self.read(socket)["riffd_underruns_total"] == 0)
        daemon.program.signal(SIGTERM)
        _ = try await daemon.program.result()
      }
      #expect(folder.contents == ["metrics.sock.lock"])
    }
  }
}
