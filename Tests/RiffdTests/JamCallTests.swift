import Foundation
import FramedTransport
import GRPCCore
import RiffProtocol
import SwiftProtobuf
import Synchronization
import Testing

extension DaemonTests {
  /// Jams by the wire and by the CLI, and uploads that break off.
  @Suite struct JamCallTests {
    private static let start = Riff_V1_JamRequest.with {
      $0.start.generate.prompt = "techno drum beat, 120 bpm"
      $0.start.generate.seed = 3
      $0.start.generate.steps = 6
      $0.start.generate.quality = .draft
    }

    /// What the caller writes when it has heard of something.
    private final class Script: Sendable {
      private let (requests, lines) = AsyncStream.makeStream(of: Riff_V1_JamRequest.self)
      func say(_ request: Riff_V1_JamRequest) { self.lines.yield(request) }
      func end() { self.lines.finish() }
      func write(to writer: RPCWriter<Riff_V1_JamRequest>) async throws {
        for await request in self.requests { try await writer.write(request) }
      }
    }

    @Test(
      "a change that is nonsense is refused by a warning, and the music goes on until it is stopped"
    )
    func nonsense() async throws {
      let daemon = try await RunningDaemon()
      let script = Script()
      script.say(Self.start)
      let events = try await daemon.client { client in
        try await client.jam(
          requestProducer: { try await script.write(to: $0) },
          onResponse: { response in
            var events: [Riff_V1_JobEvent] = []
            var pages = 0
            for try await event in response.messages {
              events.append(event)
              guard case .audio = event.event else { continue }
              pages += 1
              switch pages {
              case 2:
                script.say(.with { $0.change.id = 1 })
                script.say(
                  .with {
                    $0.change.id = 2
                    $0.change.bpm = 5
                    $0.change.strength = .nan
                  })
                script.say(
                  .with {
                    $0.change.id = 3
                    $0.change.prompts = [.with { $0.prompt = " " }]
                  })
                script.say(
                  .with {
                    $0.change.id = 4
                    $0.change.prompts = [.with { ($0.prompt, $0.weight) = ("flute", 1) }]
                  })
              case 20:
                script.say(.with { $0.stop = Riff_V1_JamStop() })
                script.end()
              default: break
              }
            }
            return events
          })
      }
      let warnings = events.compactMap { event -> String? in
        guard case .warning(let text) = event.event else { return nil }
        return text.hasPrefix("change") ? text : nil
      }
      #expect(warnings.count == 3)
      for (warning, id) in zip(warnings, 1...) {
        #expect(warning.hasPrefix("change \(id) was refused: "), "\(warning)")
      }
      let changes = events.compactMap { event -> UInt32? in
        guard case .change(let change) = event.event else { return nil }
        return change.id
      }
      #expect(changes == [4])
      guard case .done(let done)? = events.last?.event else {
        Issue.record("it is not done")
        return
      }
      #expect(done.durationSamples > 18 * 9_600)
      let file = daemon.folder.file("jam.opus")
      try Data(events.audio).write(to: URL(filePath: file))
      let heard = try await SoundWitness.decode(file)
      #expect(heard.count == Int(done.durationSamples))
    }

    @Test("a client that does not read is waited for, and hears the rest when it does")
    func pause() async throws {
      let daemon = try await RunningDaemon()
      let script = Script()
      var start = Self.start
      start.start.unpaced = true
      script.say(start)
      let samples = try await daemon.client { client in
        try await client.jam(
          requestProducer: { try await script.write(to: $0) },
          onResponse: { response in
            var samples: UInt64 = 0
            var hasPaused = false
            for try await event in response.messages {
              if case .audio = event.event, !hasPaused {
                hasPaused = true
                // It makes as much as fits, and no more.
                var done = -1.0
                while let progress = try await daemon.status().jobs.first?.progress,
                  progress.secondsDone > done
                {
                  done = progress.secondsDone
                  try await Task.sleep(for: .seconds(2))
                }
                script.say(.with { $0.stop = Riff_V1_JamStop() })
                script.end()
              }
              if case .done(let done) = event.event { samples = done.durationSamples }
            }
            return samples
          })
      }
      // What the passages hold, and what was in the making.
      #expect(samples > 48_000 && samples < 120 * 48_000)
    }

    @Test("a daemon that is told to end ends a jam with a fade, and the CLI keeps the file")
    func daemonEnds() async throws {
      let daemon = try await RunningDaemon()
      let file = daemon.folder.file("jam.opus")
      let client = try Program(
        Checkout.program("riff"),
        ["--socket", daemon.socket, "jam", "church bells", "--steps", "6", "-o", file])
      while try await daemon.status().jobs.first?.progress.secondsDone ?? 0 < 1 {
        try #require(client.isRunning, "riff ended: \(client.errors)")
        try await Task.sleep(for: .milliseconds(20))
      }
      daemon.program.signal(SIGTERM)
      let result = try await client.result()
      #expect(result.status == 0, "\(result.errors)")
      #expect(try await daemon.program.result().status == 0)
      let sound = try await SoundWitness.decode(file)
      #expect(sound.count > 48_000)
    }

    @Test("an upload that breaks off ends its job with the reason")
    func brokenUpload() async throws {
      struct Gone: Error {}
      let daemon = try await RunningDaemon()
      let wav = daemon.folder.file("tone.wav")
      try await SoundWitness.make(wav, from: "sine=frequency=440:duration=2")
      let bytes = try #require(FileManager.default.contents(atPath: wav))
      await #expect(throws: (any Error).self) {
        try await daemon.client { client in
          try await client.remix(
            requestProducer: { writer in
              try await writer.write(
                .with {
                  $0.options.generate.prompt = "violin"
                  $0.options.span = Riff_V1_Span()
                })
              try await writer.write(.with { $0.chunk = bytes.prefix(10_000) })
              while try await daemon.status().uploadBytes != 10_000 {}
              throw Gone()
            },
            onResponse: { response in for try await _ in response.messages {} })
        }
      }
      var status = try await daemon.waitForSilence()
      #expect(status.jobsDone == 0 && status.jobsCancelled + status.jobsFailed == 1)
      #expect(status.uploadBytes == 0)
      // One that ends too soon is remixed as far as it goes, and that is said.
      let events = try await daemon.client { client in
        try await client.remix(
          requestProducer: { writer in
            try await writer.write(
              .with {
                $0.options.generate.prompt = "violin"
                $0.options.generate.steps = 4
                $0.options.span = Riff_V1_Span()
              })
            try await writer.write(.with { $0.chunk = bytes.prefix(100_000) })
          },
          onResponse: { response in
            var events: [Riff_V1_JobEvent] = []
            for try await event in response.messages { events.append(event) }
            return events
          })
      }
      #expect(
        events.contains {
          if case .warning(let text) = $0.event { text.contains("end") } else { false }
        })
      status = try await daemon.waitForSilence()
      #expect(status.jobsDone == 1)
    }
  }
}
