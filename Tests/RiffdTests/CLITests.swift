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

    @Test func aPipeGetsOggOpus() async throws {
      let daemon = try await RunningDaemon()
      let result = try await daemon.riff(["generate", "church bells", "--steps", "2"])
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.starts(with: Array("OggS".utf8)))
      #expect(result.errors.isEmpty)
    }

    @Test func wrongUsageIs64AndTouchesNothing() async throws {
      let daemon = try await RunningDaemon()
      let output = try TemporaryFolder()
      for arguments in [
        [], ["generate"], ["generate", "x", "--steps", "many"], ["dance"],
        ["generate", "x", "-o", output.file("x.mp3")],
        ["render", "x.png", "-o", output.file("x.png")],
        ["spectrogram", "x.wav", "-o", output.file("x.jpg")],
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
        ["generate", "x", "--steps", "0", "-o", output.file("x.opus")],
        ["generate", "x", "--model", "none", "-o", output.file("x.wav")],
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
      #expect(source.split(separator: "\n", omittingEmptySubsequences: false).count <= 121)

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
      let decode = ["-v", "warning", "-i", file, "-f", "f32le", "-"]
      let one = try await Program.run("ffmpeg", decode)
      let two = try await Program.run("ffmpeg", decode.map { $0 == file ? other : $0 })
      #expect(one.errors.isEmpty && one.output == two.output)

      let failed = try await Program.run(
        "/usr/bin/python3",
        [Checkout.pythonClient, "--socket", daemon.socket, "generate", "x", file, "--steps", "0"])
      #expect(failed.status == 1)
      #expect(failed.errors.contains("INVALID_ARGUMENT") && failed.errors.contains("steps"))
    }
  }
}
