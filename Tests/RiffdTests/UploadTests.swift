import Foundation
import GRPCCore
import SwiftProtobuf
import RiffProtocol
import Testing

extension DaemonTests {
  /// Render and Analyze through the real daemon.
  @Suite struct UploadTests {
    private func render(
      _ parts: [Riff_V1_RenderRequest], on daemon: RunningDaemon
    ) async throws -> [Riff_V1_JobEvent] {
      try await daemon.client { client in
        try await client.render(
          requestProducer: { writer in
            for part in parts { try await writer.write(part) }
          },
          onResponse: { response in
            var events: [Riff_V1_JobEvent] = []
            for try await event in response.messages { events.append(event) }
            return events
          })
      }
    }

    private static let options = Riff_V1_RenderRequest.with { $0.options = .init() }
    private static func chunk(_ bytes: [UInt8]) -> Riff_V1_RenderRequest {
      .with { $0.chunk = Data(bytes) }
    }

    @Test func soundBecomesAPictureAndSoundAgain() async throws {
      let daemon = try await RunningDaemon()
      let wav = daemon.folder.file("tone.wav")
      let made = try await Program.run(
        "ffmpeg",
        ["-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-ar", "44100", wav])
      #expect(made.status == 0)

      let png = daemon.folder.file("tone.png")
      let analyzed = try await daemon.riff(["spectrogram", wav, "-o", png])
      #expect(analyzed.status == 0, "\(analyzed.errors)")
      let opened = try await Program.run(
        "/usr/bin/python3",
        [
          "-c",
          "import sys; from PIL import Image; i = Image.open(sys.argv[1]); print(i.size, i.mode, "
            + "i.getexif()[11000])", png,
        ])
      #expect(String(decoding: opened.output, as: UTF8.self) == "(201, 512) RGB 44100\n")

      let opus = daemon.folder.file("tone.opus")
      let rendered = try await daemon.riff(["render", png, "-o", opus])
      #expect(rendered.status == 0, "\(rendered.errors)")
      let probe = try await Program.run(
        "ffmpeg", ["-v", "warning", "-i", opus, "-f", "f32le", "-"])
      #expect(probe.errors.isEmpty)
      #expect(probe.output.count == 4 * 201 * 480)
    }

    @Test func aClipIsRemixed() async throws {
      let daemon = try await RunningDaemon()
      let wav = daemon.folder.file("tone.wav")
      let made = try await Program.run(
        "ffmpeg",
        ["-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-ar", "32000", wav])
      #expect(made.status == 0)
      let opus = daemon.folder.file("remix.opus")
      let remixed = try await daemon.riff([
        "generate", "gospel choir", "--init", wav, "--strength", "0.5", "--steps", "4", "--seed",
        "7", "--duration", "2", "-o", opus,
      ])
      #expect(remixed.status == 0, "\(remixed.errors)")
      let probe = try await Program.run(
        "ffmpeg", ["-v", "warning", "-i", opus, "-f", "f32le", "-"])
      #expect(probe.errors.isEmpty)
      #expect(probe.output.count == 4 * 96_000)
      let tags = try await Program.run("opusinfo", [opus])
      #expect(String(decoding: tags.output, as: UTF8.self).contains("RIFF_STRENGTH=0.5"))

      for arguments in [
        ["--init", daemon.folder.file("none.wav")], ["--init", Checkout.pythonClient],
      ] {
        let failed = try await daemon.riff(
          ["generate", "x", "-o", daemon.folder.file("x.opus")] + arguments)
        #expect(failed.status == 1, "\(failed.errors)")
      }
      let alone = try await daemon.riff(["generate", "x", "--strength", "0.5", "-o", "-"])
      #expect(alone.status == 64)
    }

    @Test func badUploadsGetAStatus() async throws {
      let daemon = try await RunningDaemon()
      let cases: [[Riff_V1_RenderRequest]] = [
        [Self.options, Self.chunk(Array("this is no PNG".utf8))],
        [Self.options, Self.chunk([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])],
        [Self.options],
        [],
        [Self.chunk([1, 2, 3])],
        [Self.options, Self.options],
      ]
      for parts in cases {
        let error = await #expect(throws: RPCError.self) {
          try await self.render(parts, on: daemon)
        }
        #expect(error?.code == .invalidArgument, "\(String(describing: error))")
      }
      #expect(try await daemon.status().jobs.isEmpty)
    }

    @Test func anUploadThatIsTooLargeIsRefusedWhileItComes() async throws {
      let daemon = try await RunningDaemon()
      let piece = Self.chunk(Array(repeating: 0, count: 512 << 10))
      let error = await #expect(throws: RPCError.self) {
        try await self.render([Self.options] + Array(repeating: piece, count: 140), on: daemon)
      }
      #expect(error?.code == .invalidArgument, "\(String(describing: error))")
      #expect(error?.message.contains("67108864") == true)
    }
  }
}
