import Foundation
import Testing

extension DaemonTests {
  /// `config.yaml` on the command line: defaults, presets, and `riff config`.
  @Suite struct SettingsTests {
    private struct Report: Decodable { var settings: [String: String] }

    private func folder(_ yaml: String) throws -> TemporaryFolder {
      let folder = try TemporaryFolder()
      try FileManager.default.createDirectory(
        atPath: folder.file("riffd"), withIntermediateDirectories: false)
      try yaml.write(
        toFile: folder.file("riffd/config.yaml"), atomically: true, encoding: .utf8)
      return folder
    }

    private func riff(
      _ arguments: [String], _ daemon: RunningDaemon, _ folder: TemporaryFolder
    ) async throws -> Program.Result {
      try await Program.run(
        Checkout.program("riff"), ["--socket", daemon.socket] + arguments,
        environment: ["XDG_CONFIG_HOME": folder.path])
    }

    private func settings(_ path: String) async throws -> [String: String] {
      let result = try await Program.run(Checkout.program("riff"), ["info", path, "--json"])
      try #require(result.status == 0, "\(result.errors)")
      return try JSONDecoder().decode(Report.self, from: Data(result.output)).settings
    }

    private static let yaml = """
      threads: 1
      defaults:
        quality: draft
        steps: 5
        axes: true
      presets:
        lofi:
          prompt: "lofi hip hop, {}, vinyl"
          steps: 2
          negative: "-vocals"
          plain-prompt: true
        short:
          prompt: short
          duration: 0.5
      """

    @Test func presetsAndDefaults() async throws {
      let daemon = try await RunningDaemon()
      let folder = try self.folder(Self.yaml)
      let file = folder.file("a.opus")
      let made = try await self.riff(
        ["generate", "--preset", "lofi", "rain", "--duration", "0.5", "-o", file], daemon, folder)
      #expect(made.status == 0, "\(made.errors)")
      var told = try await self.settings(file)
      #expect(told["prompt"] == "lofi hip hop, rain, vinyl" && told["negative_prompt"] == "-vocals")
      // The preset comes before the defaults, and what is typed before both.
      #expect(told["steps"] == "2" && told["quality"] == "draft")
      #expect(told["prompt_weighting"] == "false")
      let typed = try await self.riff(
        [
          "generate", "--preset=short", "harp", "--steps", "3", "--quality", "normal", "-o", file,
        ], daemon, folder)
      #expect(typed.status == 0, "\(typed.errors)")
      told = try await self.settings(file)
      #expect(told["prompt"] == "harp, short" && told["duration_seconds"] == "0.5")
      #expect(told["steps"] == "3" && told["quality"] == "normal")

      // A prompt alone, and what is made again is not changed by defaults.
      let again = folder.file("b.opus")
      let like = try await self.riff(["generate", "--like", file, "-o", again], daemon, folder)
      #expect(like.status == 0, "\(like.errors)")
      #expect(
        FileManager.default.contents(atPath: again) == FileManager.default.contents(atPath: file))
      let alone = try await self.riff(
        ["generate", "--preset", "short", "-o", file], daemon, folder)
      #expect(alone.status == 0, "\(alone.errors)")
      #expect(try await self.settings(file)["prompt"] == "short")

      // In a batch, for all and for one.
      let batch = folder.file("b.jsonl")
      try """
      {"prompt": "rain", "duration": 0.5, "seed": 1}
      {"prompt": "harp", "preset": "short", "seed": 2}
      """.write(toFile: batch, atomically: true, encoding: .utf8)
      let out = folder.file("out")
      let many = try await self.riff(
        ["batch", batch, "-d", out, "--preset", "lofi"], daemon, folder)
      #expect(many.status == 0, "\(many.errors)")
      told = try await self.settings(out + "/001-lofi-hip-hop-rain-vinyl-1.opus")
      #expect(told["steps"] == "2" && told["quality"] == "draft")
      told = try await self.settings(out + "/002-harp-short-2.opus")
      #expect(told["prompt"] == "harp, short" && told["steps"] == "5")
    }

    /// Nobody asked for them on this command line.
    @Test func defaultsThatDoNotGoWithWhatIsTypedAreLeftOut() async throws {
      let daemon = try await RunningDaemon()
      let folder = try self.folder(
        """
        defaults:
          steps: 1
          duration: 0.5
          strength: 0.4
          bitrate: 64k
          sample-format: f32
          format: mp3
          fade: 20
          play: true
          colours: grey
        """)
      func make(_ arguments: String..., name: String) async throws -> [String: String] {
        let file = folder.file(name)
        let made = try await self.riff(
          arguments + ["-o", file, "--no-play"], daemon, folder)
        try #require(made.status == 0, "\(name): \(made.errors)")
        return try await self.settings(file)
      }
      var told = try await make("generate", "harp", name: "a.opus")
      #expect(told["opus.bitrate"] == "64000" && told["sample_format"] == nil)
      #expect(told["duration_seconds"] == "0.5" && told["fade_ms"] == "20")
      told = try await make("generate", "harp", name: "a.wav")
      #expect(told["sample_format"] == "f32")
      #expect(try await make("generate", "harp", name: "a.flac")["sample_format"] == "s24")
      #expect(try await make("generate", "harp", name: "a.png")["output"] == "none")
      told = try await make(
        "generate", "harp", "--loop", "--bpm", "120", "--bars", "1", name: "loop.wav")
      #expect(told["duration_seconds"] == nil && told["fade_ms"] == nil)
      told = try await make("generate", "harp", "--width", "64", name: "b.wav")
      #expect(told["duration_seconds"] == nil && told["width"] == "64")
      // Where it goes with what is typed it counts.
      told = try await make(
        "generate", "harp", "--init", folder.file("a.wav"), name: "c.opus")
      #expect(told["strength"] == "0.4")
      let picture = try await self.riff(
        ["spectrogram", folder.file("a.wav"), "-o", folder.file("s.png")], daemon, folder)
      #expect(picture.status == 0, "\(picture.errors)")
      // Into a file without a name nothing can be played besides.
      let piped = try await self.riff(["generate", "harp"], daemon, folder)
      #expect(piped.status == 0 && piped.output.starts(with: Array("ID3".utf8)), "\(piped.errors)")
      // What is typed is told of.
      let typed = try await self.riff(
        ["generate", "harp", "--strength", "0.4", "-o", folder.file("d.opus")], daemon, folder)
      #expect(typed.status == 64 && typed.errors.contains("--init"), "\(typed.errors)")
    }

    @Test func whatIsWrongInTheFile() async throws {
      let daemon = try await RunningDaemon()
      for (yaml, arguments, word) in [
        (Self.yaml, ["--preset", "nope"], "there is no preset “nope”; there are: lofi, short"),
        ("presets:\n  x:\n    stepz: 3", ["--preset", "x"], "config.yaml:3: unknown key “stepz”"),
        ("presets:\n  x: 3", ["--preset", "x"], "config.yaml:2: a preset must have keys"),
        (
          "presets:\n  x:\n    plain-prompt: maybe", ["--preset", "x"],
          "config.yaml:3: plain-prompt"
        ),
        (
          "presets:\n  x:\n    steps: 0", ["--preset", "x"],
          "config.yaml, preset x: --steps must be"
        ),
        ("defaults:\n  seed: -1", [], "config.yaml, defaults: --seed must be"),
        ("defaults: 3", [], "config.yaml:1: defaults must have keys"),
        ("presets: [", [], "config.yaml:2: not YAML"),
      ] {
        let folder = try self.folder(yaml)
        let result = try await self.riff(["generate", "harp"] + arguments, daemon, folder)
        #expect(result.status != 0 && result.errors.contains(word), "\(yaml): \(result.errors)")
        #expect(result.output.isEmpty)
      }
    }

    /// Each with its value and where that comes from; the daemon reads the same file and minds its own keys.
    @Test func whereSettingsComeFrom() async throws {
      struct Line: Decodable {
        var name: String
        var value: String
        var source: String
      }
      let folder = try self.folder(Self.yaml)
      let daemon = try await RunningDaemon(
        arguments: ["--no-bundled-models", "--grace=3"],
        environment: ["XDG_CONFIG_HOME": folder.path])
      let report = try await self.riff(["config", "--json"], daemon, folder)
      #expect(report.status == 0, "\(report.errors)")
      let lines = try report.output.split(separator: UInt8(ascii: "\n")).map {
        try JSONDecoder().decode(Line.self, from: Data($0))
      }
      func line(_ name: String) throws -> Line {
        try #require(lines.first { $0.name == name }, "\(name) of \(lines.map(\.name))")
      }
      #expect(try line("config file").value == folder.file("riffd/config.yaml"))
      #expect(try line("socket").source == "--socket")
      #expect(try line("threads").value == "2")
      #expect(try line("threads").source.hasPrefix("the command line of riffd"))
      #expect(try line("grace").value == "3" && line("bundled-models").value == "false")
      #expect(try line("keep-alive").source == "built in")
      #expect(try line("defaults: steps").source == "config.yaml, line 4")
      #expect(try line("preset short: duration").value == "0.5")
      let text = try await self.riff(["config"], daemon, folder)
      #expect(String(decoding: text.output, as: UTF8.self).contains("riff restart"))
      // Without a daemon the file's is the one that would hold.
      let alone = try await Program.run(
        Checkout.program("riff"), ["--socket", folder.file("none.sock"), "config"],
        environment: ["XDG_CONFIG_HOME": folder.path])
      #expect(alone.status == 0, "\(alone.errors)")
      #expect(
        String(decoding: alone.output, as: UTF8.self).contains("1  (config.yaml, line 1)"))
    }
  }
}
