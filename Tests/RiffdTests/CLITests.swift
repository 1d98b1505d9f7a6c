import Foundation
import RiffProtocol
import Testing

extension DaemonTests {
  /// `riff` as a person or a script uses it.
  @Suite struct CLITests {
    @Test func theExtensionDecides() async throws {
      let daemon = try await RunningDaemon()
      let output = try TemporaryFolder()
      let arguments = ["--seed", "3", "--steps", "2", "--duration", "1.5"]
      for (name, magic) in [
        ("a.opus", "OggS"), ("a.ogg", "OggS"), ("a.wav", "RIFF"), ("a.png", "\u{89}PNG"),
      ] {
        let result = try await daemon.riff(
          ["generate", "harp", "-o", output.file(name)] + arguments)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.isEmpty)
        let bytes = try #require(FileManager.default.contents(atPath: output.file(name)))
        #expect(bytes.starts(with: magic.unicodeScalars.map { UInt8($0.value) }))
      }
      #expect(output.contents == ["a.ogg", "a.opus", "a.png", "a.wav"])
      // The WAV's header agrees with its content.
      let probe = try await Program.run(
        "ffprobe",
        [
          "-v", "warning", "-show_entries", "stream=codec_name,sample_rate,channels,duration_ts",
          "-of", "csv=p=0", output.file("a.wav"),
        ])
      #expect(probe.errors.isEmpty, "\(probe.errors)")
      #expect(String(decoding: probe.output, as: UTF8.self) == "pcm_f32le,48000,1,72000\n")
    }

    @Test func aWAVHoldsFloatsOrIntegers() async throws {
      let daemon = try await RunningDaemon()
      // 48,001 samples: three bytes each make an odd number, which the format pads.
      let arguments = ["--seed", "3", "--steps", "2", "--duration", "1.00002"]
      for (format, codec) in [("f32", "pcm_f32le"), ("s24", "pcm_s24le")] {
        let file = daemon.folder.file("\(format).wav")
        let result = try await daemon.riff(
          ["generate", "harp", "-o", file, "--sample-format", format] + arguments)
        #expect(result.status == 0, "\(result.errors)")
        let content = try #require(FileManager.default.contents(atPath: file))
        let size = format == "f32" ? 4 * 48_001 : 3 * 48_001 + 1
        #expect(SoundWitness.samples(ofWAV: content).count == size)
        let probe = try await Program.run(
          "ffprobe",
          [
            "-v", "warning", "-show_entries", "stream=codec_name,sample_rate,channels,duration_ts",
            "-of", "csv=p=0", file,
          ])
        #expect(probe.errors.isEmpty, "\(probe.errors)")
        #expect(String(decoding: probe.output, as: UTF8.self) == "\(codec),48000,1,48001\n")
        // libsndfile takes it too.
        let picture = daemon.folder.file("\(format).png")
        let analyzed = try await daemon.riff(["spectrogram", file, "-o", picture])
        #expect(analyzed.status == 0, "\(analyzed.errors)")
      }
      // The same sound, to the last bit of the shorter form.
      var decoded: [[Float]] = []
      for format in ["f32", "s24"] {
        decoded.append(try await SoundWitness.decode(daemon.folder.file("\(format).wav")))
      }
      #expect(decoded[0].count == 48_001)
      #expect(zip(decoded[0], decoded[1]).allSatisfy { abs($0 - $1) <= 0.5 / 8_388_608 })
      #expect(decoded[0].contains { abs($0) > 0.01 })
    }

    @Test func theQualityDecidesTheSound() async throws {
      let daemon = try await RunningDaemon()
      let picture = daemon.folder.file("a.png")
      let arguments = ["--seed", "3", "--steps", "4", "--width", "96"]
      let drawn = try await daemon.riff(["generate", "harp", "-o", picture] + arguments)
      #expect(drawn.status == 0, "\(drawn.errors)")
      var sounds: [String: Data] = [:]
      for quality in ["draft", "normal", "best"] {
        for (name, command) in [
          ("render", ["render", picture]), ("generate", ["generate", "harp"] + arguments),
        ] {
          let file = daemon.folder.file("\(name)-\(quality).wav")
          let result = try await daemon.riff(command + ["-o", file, "--quality", quality])
          #expect(result.status == 0, "\(result.errors)")
          sounds["\(name) \(quality)"] = FileManager.default.contents(atPath: file)
            .map { Data(SoundWitness.samples(ofWAV: $0)) }
        }
        let file = daemon.folder.file("\(quality).opus")
        let result = try await daemon.riff(["render", picture, "-o", file, "--quality", quality])
        #expect(result.status == 0, "\(result.errors)")
        let info = try await Program.run("opusinfo", [file])
        #expect(String(decoding: info.output, as: UTF8.self).contains("RIFF_QUALITY=\(quality)"))
      }
      let usual = daemon.folder.file("usual.wav")
      #expect(try await daemon.riff(["render", picture, "-o", usual]).status == 0)
      let written = try #require(FileManager.default.contents(atPath: usual))
      #expect(Data(SoundWitness.samples(ofWAV: written)) == sounds["render normal"])
      #expect(Set(sounds.filter { $0.key.hasPrefix("render") }.values).count == 3)
      // What generate plays is what render plays of its picture.
      for quality in ["draft", "normal", "best"] {
        #expect(sounds["render \(quality)"] == sounds["generate \(quality)"])
      }
    }

    @Test func everySpectrogramParameterHasAFlag() async throws {
      let daemon = try await RunningDaemon()
      let wav = daemon.folder.file("noise.wav")
      try await SoundWitness.make(wav, from: "anoisesrc=d=1:a=0.1:r=44100", ["-ac", "2"])
      let picture = daemon.folder.file("noise.png")
      let flags = [
        "--sample-rate", "22050", "--stereo", "--step", "8", "--window", "80", "--padded", "160",
        "--min-frequency", "50", "--max-frequency", "9000", "--power", "0.5",
      ]
      let analyzed = try await daemon.riff(
        ["spectrogram", wav, "-o", picture, "--bins", "300"] + flags)
      #expect(analyzed.status == 0, "\(analyzed.errors)")
      let seen = try await Program.run(
        "/usr/bin/python3",
        [
          "-c",
          """
          import sys
          from PIL import Image
          image = Image.open(sys.argv[1])
          exif = image.getexif()
          print(image.height, *[float(exif[tag]) for tag in (11000, 11005, 11010, 11020, 11030,
                                                             11040, 11050, 11060, 11070)])
          """, picture,
        ])
      #expect(
        String(decoding: seen.output, as: UTF8.self)
          == "300 22050.0 1.0 8.0 80.0 160.0 300.0 50.0 9000.0 0.5\n")
      // And the way back: a column lasts longer, one channel is enough.
      let columns = 1 + 22_050 / 176
      for (arguments, channels, step) in [
        ([], 2, 8), (["--no-stereo"], 1, 8), (["--step", "16", "--maximum", "1e6"], 2, 16),
      ] as [([String], Int, Int)] {
        let sound = daemon.folder.file("noise.opus")
        let result = try await daemon.riff(["render", picture, "-o", sound] + arguments)
        #expect(result.status == 0, "\(result.errors)")
        let decoded = try await SoundWitness.decode(sound)
        #expect(decoded.count == channels * columns * step * 48)
      }
      let wrong = try await daemon.riff(["render", picture, "-o", "-", "--maximum", "0"])
      #expect(wrong.status == 64 && wrong.errors.contains("--maximum"), "\(wrong.errors)")
    }

    @Test func aPipeGetsOggOpus() async throws {
      let daemon = try await RunningDaemon()
      let result = try await daemon.riff(["generate", "church bells", "--steps", "2"])
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.starts(with: Array("OggS".utf8)))
      #expect(result.errors.wholeMatch(of: /riff: seed \d+\n/) != nil, "\(result.errors)")
    }

    @Test func wrongUsageIs64AndTouchesNothing() async throws {
      let daemon = try await RunningDaemon()
      let output = try TemporaryFolder()
      for arguments in [
        [], ["generate"], ["generate", "x", "--steps", "many"], ["dance"],
        ["generate", "x", "-o", output.file("x.aac")],
        ["render", "x.png", "-o", output.file("x.png")],
        ["spectrogram", "x.wav", "-o", output.file("x.jpg")],
        ["spectrogram", "x.wav", "-o", output.file("x.png"), "--maximum", "3"],
        ["render", "x.png", "-o", output.file("x.wav"), "--bins", "3"],
        ["render", "x.png", "-o", output.file("x.wav"), "--quality", "great"],
        ["render", "x.png", "-o", output.file("x.wav"), "--sample-format", "mp3"],
        ["render", "x.png", "-o", output.file("x.opus"), "--sample-format", "s24"],
        ["generate", "x", "--steps", "0", "-o", output.file("x.opus")],
        ["generate", "x", "--model", "none", "-o", output.file("x.wav")],
      ] where !arguments.isEmpty {
        let result = try await daemon.riff(arguments)
        #expect(result.status == 64, "\(arguments): \(result.status) \(result.errors)")
      }
      #expect(output.contents.isEmpty)
    }

    @Test func aFailedJobIs1AndLeavesNoFile() async throws {
      let daemon = try await RunningDaemon()
      let output = try TemporaryFolder()
      for arguments in [
        ["render", Checkout.root + "/Package.swift", "-o", output.file("x.opus")],
        ["render", output.file("missing.png"), "-o", output.file("x.opus")],
        ["spectrogram", Checkout.root + "/Package.swift", "-o", output.file("x.png")],
        ["generate", "x", "-o", output.file("no/such/folder.opus")],
      ] {
        let result = try await daemon.riff(arguments)
        #expect(result.status == 1, "\(arguments): \(result.status) \(result.errors)")
        #expect(result.errors.hasPrefix("riff: "))
      }
      #expect(output.contents.isEmpty)
    }

    @Test func statusAndModelsTellWhatIsThere() async throws {
      let daemon = try await RunningDaemon()
      let status = try await daemon.riff(["status"])
      #expect(String(decoding: status.output, as: UTF8.self).contains("pid \(daemon.program.pid)"))
      let models = try await daemon.riff(["models"])
      let text = String(decoding: models.output, as: UTF8.self)
      #expect(text.hasPrefix("riff-mini: ") && text.contains("ddim"), "\(text)")
    }

    @Test func thePythonClientSpeaksTheProtocol() async throws {
      let daemon = try await RunningDaemon()
      let source = try String(contentsOfFile: Checkout.pythonClient, encoding: .utf8)
      #expect(source.split(separator: "\n", omittingEmptySubsequences: false).count <= 131)

      let status = try await Program.run(
        "/usr/bin/python3", [Checkout.pythonClient, "--socket", daemon.socket, "status"])
      #expect(status.status == 0, "\(status.errors)")
      #expect(String(decoding: status.output, as: UTF8.self).contains("\(daemon.program.pid)"))

      let file = daemon.folder.file("python.opus")
      let generate = try await Program.run(
        "/usr/bin/python3",
        [
          Checkout.pythonClient, "--socket", daemon.socket, "generate", "church bells", file,
          "--steps", "2", "--seed", "7",
        ])
      #expect(generate.status == 0, "\(generate.errors)")
      // The same request through the CLI: the same file.
      let other = daemon.folder.file("cli.opus")
      let result = try await daemon.riff(
        ["generate", "church bells", "--steps", "2", "--seed", "7", "-o", other])
      #expect(result.status == 0)
      let info = try await Program.run("opusinfo", [file])
      #expect(info.status == 0 && !String(decoding: info.output, as: UTF8.self).contains("WARNING"))
      #expect(try await SoundWitness.decode(file) == SoundWitness.decode(other))

      let failed = try await Program.run(
        "/usr/bin/python3",
        [Checkout.pythonClient, "--socket", daemon.socket, "generate", "x", file, "--steps", "0"])
      #expect(failed.status == 1)
      #expect(failed.errors.contains("INVALID_ARGUMENT") && failed.errors.contains("steps"))
    }
  }
}
