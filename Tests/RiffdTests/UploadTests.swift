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
      try await SoundWitness.make(
        wav, from: "sine=frequency=440:duration=2", ["-ar", "44100"])

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
      #expect(try await SoundWitness.decode(opus).count == 201 * 480)
    }

    @Test func aClipIsRemixed() async throws {
      let daemon = try await RunningDaemon()
      let wav = daemon.folder.file("tone.wav")
      try await SoundWitness.make(
        wav, from: "sine=frequency=440:duration=2", ["-ar", "32000"])
      let opus = daemon.folder.file("remix.opus")
      let remixed = try await daemon.riff([
        "generate", "gospel choir", "--init", wav, "--strength", "0.5", "--steps", "4", "--seed",
        "7", "--duration", "2", "-o", opus,
      ])
      #expect(remixed.status == 0, "\(remixed.errors)")
      #expect(try await SoundWitness.decode(opus).count == 96_000)
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

    @Test func aJPEGIsAPictureToRenderAndToRemix() async throws {
      let daemon = try await RunningDaemon()
      let jpeg = daemon.folder.file("grey.jpg")
      let made = try await Program.run(
        "/usr/bin/python3",
        [
          "-c",
          "import sys; from PIL import Image; "
            + "Image.linear_gradient('L').convert('RGB').resize((96, 256)).save(sys.argv[1])", jpeg,
        ])
      #expect(made.status == 0, "\(made.errors)")
      for (name, command, samples) in [
        ("render", ["render", jpeg], 96 * 480),
        // 96 columns of 10 ms are 48 of the model's, of which 32 are taken.
        ("remix", ["generate", "harp", "--init", jpeg, "--steps", "2", "--seed", "1"], 32 * 960),
      ] {
        let opus = daemon.folder.file("\(name).opus")
        let result = try await daemon.riff(command + ["-o", opus])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("no spectrogram parameters in EXIF"), "\(result.errors)")
        #expect(try await SoundWitness.decode(opus).count == samples)
      }
    }

    @Test func anOpusFileSaysHowItWasMade() async throws {
      let daemon = try await RunningDaemon()
      let opus = daemon.folder.file("bells.opus")
      let result = try await daemon.riff([
        "generate", "church bells", "--negative", "drums", "--steps", "3", "--seed", "8",
        "--guidance", "2.5", "--duration", "1", "--quality", "draft", "-o", opus,
      ])
      #expect(result.status == 0, "\(result.errors)")
      let info = try await Program.run("opusinfo", [opus])
      let text = String(decoding: info.output, as: UTF8.self)
      #expect(!text.contains("WARNING") && info.status == 0, "\(text)")
      for comment in [
        "TITLE=church bells", "ENCODER=riffd", "RIFF_MODEL=riff-mini", "RIFF_SEED=8",
        "RIFF_STEPS=3", "RIFF_GUIDANCE_SCALE=2.5", "RIFF_NEGATIVE_PROMPT=drums",
        "RIFF_SCHEDULER=", "RIFF_WIDTH=64", "RIFF_QUALITY=draft",
        "RIFF_SPECTROGRAM=sample_rate=24000,stereo=false,step_ms=20,",
      ] {
        #expect(text.contains(comment), "\(comment) in \(text)")
      }
    }

    @Test func whatCannotBeReadIsNamedWithTheWayToConvertIt() async throws {
      let daemon = try await RunningDaemon()
      let output = daemon.folder.file("x.png")
      for (name, said) in [
        ("clip.m4a", "MPEG-4 audio (M4A)"), ("film.mp4", "an MPEG-4 file"),
      ] {
        let file = daemon.folder.file(name)
        try await SoundWitness.make(file)
        // Without ffmpeg.
        let result = try await Program.run(
          Checkout.program("riff"), ["--socket", daemon.socket, "spectrogram", file, "-o", output],
          environment: ["PATH": daemon.folder.path])
        #expect(result.status == 1)
        #expect(result.errors.contains(said), "\(result.errors)")
        #expect(result.errors.contains("ffmpeg -i input."), "\(result.errors)")
        #expect(result.errors.hasPrefix("riff: \(file): "), "\(result.errors)")
        let bytes = try #require(FileManager.default.contents(atPath: file))
        let error = await #expect(throws: RPCError.self) {
          try await self.analyze(Array(bytes), on: daemon)
        }
        #expect(error?.code == .invalidArgument)
      }
      // Sound for a picture, and the other way round.
      let wav = daemon.folder.file("tone.wav")
      try await SoundWitness.make(wav)
      let rendered = try await daemon.riff(["render", wav, "-o", daemon.folder.file("x.opus")])
      #expect(rendered.errors.contains("a WAV file, not a picture"), "\(rendered.errors)")
      let png = daemon.folder.file("tone.png")
      #expect(try await daemon.riff(["spectrogram", wav, "-o", png]).status == 0)
      let analyzed = try await daemon.riff(["spectrogram", png, "-o", output])
      #expect(analyzed.errors.contains("a picture, which holds no sound"), "\(analyzed.errors)")
      #expect(!analyzed.errors.contains("ffmpeg"))
    }

    @Test func silenceStaysSilenceAndNothingHostileEndsTheDaemon() async throws {
      let daemon = try await RunningDaemon()
      let script = """
        import struct, sys, zlib
        folder = sys.argv[1]
        def chunk(kind, data):
            body = kind + data
            return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
        def png(width, height, level=255, exif=b"", rows=None):
            row = b"\\0" + bytes([level]) * width
            rows = height if rows is None else rows
            return (b"\\x89PNG\\r\\n\\x1a\\n"
                    + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                    + (chunk(b"eXIf", exif) if exif else b"")
                    + chunk(b"IDAT", zlib.compress(row * rows)) + chunk(b"IEND", b""))
        def exif(tag, kind, value):
            return b"MM\\0*" + struct.pack(">IHHHI", 8, 1, tag, kind, 1) + value + bytes(4)
        double = lambda value: struct.pack(">I", 26) + bytes(4) + struct.pack(">d", value)
        def wav(samples, rate=44100, kind=1, bits=16, claimed=None):
            size = len(samples) if claimed is None else claimed
            return (b"RIFF" + struct.pack("<I", min(36 + size, 2**32 - 1)) + b"WAVEfmt "
                    + struct.pack("<IHHIIHH", 16, kind, 1, rate, rate * bits // 8 % 2**32,
                                  bits // 8, bits)
                    + b"data" + struct.pack("<I", size) + samples)
        files = {
            "white.png": png(300, 64), "pixel.png": png(1, 1, 0),
            "zero.png": png(0, 0), "bomb.png": png(60000, 4000, rows=1),
            "huge.png": png(200001, 1), "cut.png": png(300, 64)[:80],
            "steps.png": png(30, 8, exif=exif(11010, 3, bytes(4))),
            "nan.png": png(30, 8, exif=exif(11080, 12, double(float("nan")))),
            "rate.png": png(30, 8, exif=exif(11000, 4, struct.pack(">I", 2**32 - 1))),
            "loop.png": png(30, 8, exif=b"MM\\0*" + struct.pack(">I", 0)),
            "lies.wav": wav(bytes(9000), claimed=2**32 - 1), "none.wav": wav(b""),
            "slow.wav": wav(bytes(100), rate=1), "fast.wav": wav(bytes(100), rate=10**7),
            "nan.wav": wav(struct.pack("<f", float("nan")) * 999, kind=3, bits=32),
            "silent.wav": wav(bytes(88200)),
            "clipped.wav": wav(struct.pack("<ff", 3, -3) * 9999, kind=3, bits=32),
        }
        for name, data in files.items():
            open(f"{folder}/{name}", "wb").write(data)
        """
      let made = try await Program.run("/usr/bin/python3", ["-c", script, daemon.folder.path])
      #expect(made.status == 0, "\(made.errors)")
      // What plays: how many samples; what is refused: what the message names.
      for (name, samples, said) in [
        ("white.png", 300 * 480, ""), ("pixel.png", 480, ""),
        ("zero.png", 0, "the PNG cannot be read"),
        ("bomb.png", 0, "60000 × 4000"), ("huge.png", 0, "200001 × 1"),
        ("cut.png", 0, "the PNG cannot be read"), ("steps.png", 0, "step_ms"),
        ("nan.png", 0, "MAX_VALUE"),
        ("rate.png", 0, "sample_rate"), ("loop.png", 0, "EXIF"),
      ] {
        let wav = daemon.folder.file("\(name).wav")
        let result = try await daemon.riff(
          ["render", daemon.folder.file(name), "--quality", "draft", "-o", wav])
        #expect(result.status == (samples > 0 ? 0 : 1), "\(name): \(result.errors)")
        #expect(said.isEmpty || result.errors.contains(said), "\(name): \(result.errors)")
        let sound =
          FileManager.default.contents(atPath: wav).map { SoundWitness.samples(ofWAV: $0) } ?? []
        #expect(sound.count == 4 * samples, "\(name)")
        if name == "white.png" { #expect(sound.allSatisfy { $0 == 0 }) }
      }
      for (name, said) in [
        ("lies.wav", ""), ("silent.wav", ""), ("clipped.wav", ""), ("none.wav", "no samples"),
        ("slow.wav", "1 Hz"), ("fast.wav", "10000000 Hz"), ("nan.wav", "sample 0 of channel 1"),
      ] {
        let picture = daemon.folder.file("\(name).png")
        let result = try await daemon.riff(
          ["spectrogram", daemon.folder.file(name), "-o", picture])
        #expect(result.status == (said.isEmpty ? 0 : 1), "\(name): \(result.errors)")
        #expect(said.isEmpty || result.errors.contains(said), "\(name): \(result.errors)")
      }
      // A picture of silence plays silence.
      let opus = daemon.folder.file("silent.opus")
      let played = try await daemon.riff(
        ["render", daemon.folder.file("silent.wav.png"), "-o", opus])
      #expect(played.status == 0)
      let decoded = try await SoundWitness.decode(opus)
      #expect(decoded.count == 101 * 480 && decoded.allSatisfy { abs($0) < 1e-6 })
      #expect(daemon.program.isRunning)
      #expect(try await daemon.status().jobs.isEmpty)
    }

    private func analyze(_ file: [UInt8], on daemon: RunningDaemon) async throws -> Data {
      try await daemon.client { client in
        try await client.analyze(requestProducer: { writer in
          try await writer.write(.with { $0.options = .init() })
          try await writer.write(.with { $0.chunk = Data(file) })
        }).png
      }
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
