import Foundation
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// How a sound was made is told at once, stands in the file, and makes the file again.
  @Suite struct RecipeTests {
    /// Latin-1, what is not, a line break, a backslash, what looks like a key.
    private static let prompt = "Glöckchen 🔔 “slow”\nRIFF_SEED=9 \\n = end"

    private struct Report: Decodable {
      var settings: [String: String]?
      var spectrogram: [String: Double]?
    }

    private func info(_ path: String) async throws -> Report {
      let result = try await Program.run(Checkout.program("riff"), ["info", path, "--json"])
      try #require(result.status == 0, "\(result.errors)")
      return try JSONDecoder().decode(Report.self, from: Data(result.output))
    }

    private func bytes(_ path: String) throws -> Data {
      try #require(FileManager.default.contents(atPath: path), "\(path) is not there")
    }

    @Test func theFirstEventTellsHow() async throws {
      let daemon = try await RunningDaemon()
      var request = Riff_V1_GenerateRequest()
      request.prompt = "harp"
      request.steps = 2
      var seeds: Set<UInt64> = []
      for _ in 0..<3 {
        let events = try await daemon.client { [request] in try await $0.events(request) }
        let kinds = events.compactMap(\.event).drop {
          if case .progress = $0 { true } else { false }
        }
        guard case .started(let started) = kinds.first else {
          Issue.record("\(String(describing: kinds.first)) comes first")
          return
        }
        #expect(started.jobID > 0)
        #expect(started.model == "riff-mini")
        #expect(started.modelFingerprint.count == 16)
        #expect(started.seed == events.last?.done.seed)
        #expect(started.seed <= UInt64(UInt32.max))
        seeds.insert(started.seed)
        let settings = Dictionary(
          uniqueKeysWithValues: started.settings.map { ($0.name, $0.value) })
        #expect(settings["seed"] == "\(started.seed)")
        #expect(settings["prompt"] == "harp" && settings["steps"] == "2")
        // The model's own, and the daemon's.
        #expect(settings["guidance_scale"] == "7.0" && settings["width"] == "256")
        #expect(settings["precision"] == "f32" && settings["threads"] == "2")
        #expect(settings["version"]?.hasPrefix("riffd ") == true)
      }
      #expect(seeds.count == 3)
    }

    /// Its picture comes window by window, and is one file.
    @Test func aPieceThatIsLongerThanAPictureIsMadeAgain() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let made = try await daemon.shell(
        """
        riff generate "techno drum beat, 120 bpm" --duration 90.5 --steps 2 --quality draft --seed 4 \
        -o a.opus -o a.png && riff generate --like a.opus -o b.opus && \
        riff generate --like a.png -o b.png && riff generate --like a.opus -o c.opus -o c.png
        """, in: folder)
      #expect(made.status == 0, "\(made.errors)")
      for (one, other) in [("a.opus", "b.opus"), ("a.opus", "c.opus"), ("a.png", "c.png")] {
        let isSame = try self.bytes(folder.file(one)) == self.bytes(folder.file(other))
        #expect(isSame, "\(one) and \(other)")
      }
      #expect(try await SoundWitness.decode(folder.file("a.opus")).count == 4_344_000)
      // 4,525 columns, in whole latent columns; PIL reads it, and so does riff.
      for name in ["a.png", "b.png"] {
        let read = try await Program.run(
          "/usr/bin/python3",
          [
            "-c",
            "import sys; from PIL import Image; i = Image.open(sys.argv[1]); i.load(); print(i.size)",
            folder.file(name),
          ])
        #expect(String(decoding: read.output, as: UTF8.self) == "(4528, 256)\n", "\(read.errors)")
        let report = try await self.info(folder.file(name))
        #expect(report.settings?["duration_seconds"] == "90.5")
        #expect(report.settings?["prompt"] == "techno drum beat, 120 bpm")
      }
    }

    /// The option comes first, then the model's riff.json.
    @Test func thePrecisionIsTold() async throws {
      let folder = try TemporaryFolder()
      let model = folder.file("rounded")
      try FileManager.default.copyItem(atPath: Checkout.bundledModel, toPath: model)
      let card = URL(filePath: model + "/riff.json")
      let value = try JSONSerialization.jsonObject(with: Data(contentsOf: card))
      var object = try #require(value as? [String: Any])
      object["precision"] = "bf16"
      try JSONSerialization.data(withJSONObject: object).write(to: card)
      var request = Riff_V1_GenerateRequest()
      request.prompt = "harp"
      request.seed = 3
      request.steps = 2
      request.durationSeconds = 1
      // Samples, which nothing is written into of how they were made.
      request.output = .pcmF32
      var sounds: Set<Data> = []
      for (arguments, precision) in [
        ([], "bf16"), (["--precision", "int8"], "int8"), (["--precision", "f32"], "f32"),
      ] {
        let daemon = try await RunningDaemon(
          models: [("rounded", model)], arguments: ["--no-bundled-models"] + arguments)
        let events = try await daemon.client { [request] in try await $0.events(request) }
        let started = try #require(events.first { $0.started.jobID > 0 }).started
        #expect(started.settings.first { $0.name == "precision" }?.value == precision)
        sounds.insert(events.reduce(into: Data()) { $0 += $1.audio })
      }
      #expect(sounds.count == 3, "computed alike")
    }

    @Test(arguments: ["opus", "wav", "flac", "mp3", "png"])
    func aFileMakesItselfAgain(ext: String) async throws {
      let daemon = try await RunningDaemon()
      let file = daemon.folder.file("first.\(ext)")
      let made = try await daemon.riff([
        "generate", Self.prompt, "-o", file, "--seed", "7", "--steps", "3", "--guidance", "4.3",
        "--duration", "1.23", "--negative", "drums", "--scheduler", "ddim", "--eta", "0.5",
        "--guidance-interval", "0.4-0.8", "--deep-cache", "2",
      ])
      #expect(made.status == 0, "\(made.errors)")
      #expect(made.errors.contains("seed 7"))

      let settings = try #require(try await self.info(file).settings)
      #expect(settings["prompt"] == Self.prompt)
      #expect(settings["negative_prompt"] == "drums")
      #expect(settings["seed"] == "7" && settings["guidance_scale"] == "4.3")
      #expect(settings["duration_seconds"] == "1.23" && settings["eta"] == "0.5")
      #expect(settings["guidance_start"] == "0.4" && settings["guidance_stop"] == "0.8")
      #expect(settings["deep_cache_interval"] == "2")
      #expect(settings["method"] == "Generate" && settings["scheduler"] == "ddim")
      #expect(settings["model"] == "riff-mini" && settings["model_fingerprint"]?.count == 16)

      let second = daemon.folder.file("second.\(ext)")
      let again = try await daemon.riff(["generate", "--like", file, "-o", second])
      #expect(again.status == 0, "\(again.errors)")
      #expect(!again.errors.contains("warning"), "\(again.errors)")
      #expect(try self.bytes(second) == self.bytes(file))

      let third = daemon.folder.file("third.\(ext)")
      let other = try await daemon.riff([
        "generate", "--like", file, "--seed", "8", "--width", "64", "-o", third,
      ])
      #expect(other.status == 0, "\(other.errors)")
      let changed = try #require(try await self.info(third).settings)
      #expect(changed["seed"] == "8" && changed["prompt"] == Self.prompt)
      #expect(changed["width"] == "64" && changed["duration_seconds"] == nil)
      #expect(try self.bytes(third) != self.bytes(file))
    }

    @Test(arguments: [.oggOpus, .wav, .flac, .mp3] as [Riff_V1_OutputFormat])
    func everyFormatTells(format: Riff_V1_OutputFormat) async throws {
      let daemon = try await RunningDaemon()
      let request = Riff_V1_GenerateRequest.with {
        $0.prompt = Self.prompt
        $0.steps = 2
        $0.seed = 7
        $0.durationSeconds = 0.5
        $0.fadeMs = 20
        $0.output = format
      }
      let events = try await daemon.client { try await $0.events(request) }
      let again = try await daemon.client { try await $0.events(request) }
      #expect(again.audio == events.audio)
      let started = try #require(events.first { $0.started.jobID > 0 }).started
      let file = daemon.folder.file("sound")
      try Data(events.audio).write(to: URL(filePath: file))
      let settings = try #require(try await self.info(file).settings)
      #expect(
        settings
          == Dictionary(uniqueKeysWithValues: started.settings.map { ($0.name, $0.value) }))
      #expect(settings["prompt"] == Self.prompt && settings["fade_ms"] == "20")
    }

    /// Pillow and opusinfo read what `riff info` reads.
    @Test func othersReadIt() async throws {
      let daemon = try await RunningDaemon()
      let picture = daemon.folder.file("a.png")
      let sound = daemon.folder.file("a.opus")
      let arguments = ["generate", Self.prompt, "--seed", "7", "--steps", "2", "-o"]
      for file in [picture, sound] {
        let made = try await daemon.riff(arguments + [file])
        #expect(made.status == 0, "\(made.errors)")
      }
      let pillow = try await Program.run(
        "/usr/bin/python3",
        [
          "-c",
          """
          import json, sys
          from PIL import Image
          image = Image.open(sys.argv[1])
          image.load()
          print(json.dumps({**image.text, "exif": str(image.getexif()[11040])}))
          """, picture,
        ])
      let texts = try JSONDecoder().decode([String: String].self, from: Data(pillow.output))
      #expect(texts["Title"] == Self.prompt && texts["RIFF_PROMPT"] == Self.prompt)
      #expect(texts["RIFF_SEED"] == "7" && texts["Software"]?.hasPrefix("riffd ") == true)
      #expect(texts["exif"] == "256")
      let opusinfo = try await Program.run("opusinfo", [sound])
      let report = String(decoding: opusinfo.output, as: UTF8.self)
      #expect(report.contains("RIFF_SEED=7") && report.contains("RIFF_MODEL_FINGERPRINT="))
      // tEXt where Latin-1 is enough, iTXt where it is not.
      let bytes = try self.bytes(picture)
      #expect(bytes.range(of: Data("tEXtRIFF_SEED".utf8)) != nil)
      #expect(bytes.range(of: Data("iTXtRIFF_PROMPT".utf8)) != nil)
    }

    @Test func aRemixFindsItsUpload() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let song = folder.file("song.wav")
      try await SoundWitness.make(song)
      let file = folder.file("remix.opus")
      let made = try await daemon.riff([
        "generate", "choir", "--init", song, "--strength", "0.4", "--steps", "5", "-o", file,
      ])
      #expect(made.status == 0, "\(made.errors)")
      let settings = try #require(try await self.info(file).settings)
      #expect(settings["file_name"] == "song.wav" && settings["strength"] == "0.4")
      #expect(settings["file_fingerprint"]?.count == 16)

      let second = daemon.folder.file("again.opus")
      let again = try await daemon.riff(["generate", "--like", file, "-o", second])
      #expect(again.status == 0, "\(again.errors)")
      #expect(try self.bytes(second) == self.bytes(file))

      // Another file of that name is not it.
      try await SoundWitness.make(song, from: "sine=frequency=880:duration=1", ["-y"])
      let other = try await daemon.riff(["generate", "--like", file, "-o", second])
      #expect(other.status == 1 && other.errors.contains("--init"), "\(other.errors)")
      try FileManager.default.removeItem(atPath: song)
      let missing = try await daemon.riff(["generate", "--like", file, "-o", second])
      #expect(missing.status == 1 && missing.errors.contains("song.wav"), "\(missing.errors)")
    }

    /// Makes a file again, by `riff generate --like` and by the command itself, and holds each against it.
    private func isMadeAgain(
      _ file: String, by command: String, _ daemon: RunningDaemon,
      sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
      let ext = file.split(separator: ".").last ?? ""
      for command in ["generate", command] {
        let second = daemon.folder.file("again-\(UInt32.random(in: 0 ... .max)).\(ext)")
        let again = try await daemon.riff([command, "--like", file, "-o", second])
        try #require(
          again.status == 0, "\(command): \(again.errors)", sourceLocation: sourceLocation)
        #expect(
          !again.errors.contains("warning"), "\(again.errors)", sourceLocation: sourceLocation)
        #expect(
          try self.bytes(second) == self.bytes(file), "\(command)", sourceLocation: sourceLocation)
      }
    }

    @Test func aSoundsPictureIsMadeAgain() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let song = folder.file("song.wav")
      try await SoundWitness.make(song, from: "sine=frequency=330:duration=4")
      let file = folder.file("song.png")
      let made = try await daemon.riff([
        "spectrogram", song, "--bins", "200", "--step", "8", "--window", "50", "--padded", "90",
        "--max-frequency", "7000", "--power", "0.3", "--stereo", "--start", "0.5", "--duration",
        "2.5", "-o", file,
      ])
      #expect(made.status == 0, "\(made.errors)")
      let second = folder.file("again.png")
      let again = try await daemon.riff(["spectrogram", "--like", file, "-o", second])
      try #require(again.status == 0, "\(again.errors)")
      #expect(!again.errors.contains("may differ"), "\(again.errors)")
      #expect(try self.bytes(second) == self.bytes(file))

      // Changes, and another sound.
      let other = folder.file("tone.flac")
      try await SoundWitness.make(other, from: "sine=frequency=990:duration=2")
      let changed = try await daemon.riff([
        "spectrogram", other, "--like", file, "--start", "0.25", "--duration", "1", "--bins", "100",
        "-o", second,
      ])
      #expect(changed.status == 0, "\(changed.errors)")
      let settings = try #require(try await self.info(second).settings)
      #expect(settings["file_name"] == "tone.flac" && settings["start_seconds"] == "0.25")
      #expect(settings["duration_seconds"] == "1.0")
      for part in ["stereo=true", "step_ms=8", "mel_bins=100", "max_frequency=7000", "power=0.3"] {
        #expect(settings["spectrogram"]?.contains(part) == true, "\(part): \(settings)")
      }

      // The right command is named, and the sound asked for.
      let wrong = try await daemon.riff(["generate", "--like", file, "-o", second])
      #expect(wrong.status == 1 && wrong.errors.contains("riff spectrogram --like"))
      let tune = folder.file("tune.png")
      let painted = try await daemon.riff(["generate", "harp", "--steps", "1", "-o", tune])
      #expect(painted.status == 0, "\(painted.errors)")
      let notOurs = try await daemon.riff(["spectrogram", "--like", tune, "-o", second])
      #expect(notOurs.status == 1 && notOurs.errors.contains("riff generate --like"))
      try FileManager.default.removeItem(atPath: song)
      let missing = try await daemon.riff(["spectrogram", "--like", file, "-o", second])
      #expect(missing.status == 1 && missing.errors.contains("song.wav"), "\(missing.errors)")
      let nothing = try await daemon.riff(["spectrogram", "-o", second])
      #expect(nothing.status == 64 && nothing.errors.contains("--like"), "\(nothing.errors)")
    }

    @Test(arguments: ["groove", "nothing"])
    func aWholeClipsRemixIsMadeAgain(keep: String) async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let song = folder.file("song.wav")
      try await SoundWitness.make(song, from: "sine=frequency=330:duration=7")
      let file = folder.file("remix.flac")
      let made = try await daemon.riff([
        "remix", song, "choir", "--to", "harp", "--start", "0.5", "--duration", "5.7",
        "--strength", "0.45", "--steps", "4", "--keep", keep, "--seed", "3", "--fade", "10",
        "--negative", "drums", "--guidance", "2.3", "--sample-format", "s16", "-o", file,
      ])
      #expect(made.status == 0, "\(made.errors)")
      try await self.isMadeAgain(file, by: "remix", daemon)

      // Changes; an argument alone is the prompt unless a file has that name.
      let other = folder.file("other.flac")
      let changed = try await daemon.riff([
        "remix", "violin", "--like", file, "--duration", "2", "-o", other,
      ])
      #expect(changed.status == 0, "\(changed.errors)")
      let settings = try #require(try await self.info(other).settings)
      #expect(settings["prompt"] == "violin" && settings["to_prompt"] == "harp")
      #expect(settings["span.start_seconds"] == "0.5" && settings["span.duration_seconds"] == "2.0")
      #expect(settings["seed"] == "3" && settings["keep"] == keep)

      // The clip is asked for where it is not found, and taken when it is named.
      let moved = folder.file("elsewhere.wav")
      try FileManager.default.moveItem(atPath: song, toPath: moved)
      let missing = try await daemon.riff(["remix", "--like", file, "-o", other])
      #expect(missing.status == 1 && missing.errors.contains("song.wav"), "\(missing.errors)")
      #expect(missing.errors.contains("as the first argument"), "\(missing.errors)")
      let named = try await daemon.riff(["remix", moved, "--like", file, "-o", other])
      #expect(named.status == 0, "\(named.errors)")
      #expect(try self.bytes(other) == self.bytes(file))
    }

    @Test func aMorphIsMadeAgain() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let file = folder.file("morph.opus")
      let made = try await daemon.riff([
        "morph", "bells", "techno", "--clips", "3", "--seed", "4:9", "--guidance", "2.3:4.1",
        "--power", "1.7", "--width", "96", "--steps", "3", "-o", file,
      ])
      #expect(made.status == 0, "\(made.errors)")
      try await self.isMadeAgain(file, by: "morph", daemon)

      // From a picture, under a mask, with what the ends do not say.
      let picture = folder.file("loop.png")
      let mask = folder.file("mask.png")
      let drawn = try await daemon.riff([
        "generate", "harp", "--seed", "5", "--steps", "2", "--width", "96", "-o", picture,
      ])
      #expect(drawn.status == 0, "\(drawn.errors)")
      let painted = try await Program.run(
        "/usr/bin/python3",
        [
          "-c",
          """
          import sys
          from PIL import Image
          image = Image.new("L", (96, 256), 0)
          image.paste(255, (48, 0, 96, 256))
          image.save(sys.argv[1])
          """, mask,
        ])
      #expect(painted.status == 0, "\(painted.errors)")
      let second = folder.file("second.wav")
      let masked = try await daemon.riff([
        "morph", "bells", "techno", "--clips", "2", "--init", picture, "--mask", mask, "--steps",
        "3", "--strength", "0.5:0.9", "-o", second,
      ])
      #expect(masked.status == 0, "\(masked.errors)")
      try await self.isMadeAgain(second, by: "morph", daemon)

      let changed = folder.file("changed.wav")
      let other = try await daemon.riff([
        "morph", "--like", second, "--seed", "1:2", "-o", changed,
      ])
      #expect(other.status == 0, "\(other.errors)")
      let settings = try #require(try await self.info(changed).settings)
      #expect(settings["seed"] == "1" && settings["to.seed"] == "2")
      #expect(settings["to.strength"] == "0.9" && settings["to.prompt"] == "techno")

      try FileManager.default.removeItem(atPath: mask)
      let missing = try await daemon.riff(["morph", "--like", second, "-o", changed])
      #expect(missing.status == 1 && missing.errors.contains("--mask"), "\(missing.errors)")
    }

    @Test func riffusionsPictureIsMadeAgain() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let drawn = try await daemon.riff([
        "generate", "harp", "--seed", "5", "--steps", "2", "--width", "96", "-o",
        folder.file("og_beat.png"),
      ])
      #expect(drawn.status == 0, "\(drawn.errors)")
      try Data(
        """
        {"start": {"prompt": "bells", "seed": 4, "denoising": 0.6, "guidance": 3.3},
         "end": {"prompt": "techno", "seed": 9}, "alpha": 0.3, "num_inference_steps": 4}
        """.utf8
      ).write(to: URL(filePath: folder.file("input.json")))
      let file = folder.file("picture.png")
      let made = try await daemon.riff([
        "morph", "--riffusion-json", folder.file("input.json"), "-o", file,
      ])
      #expect(made.status == 0, "\(made.errors)")
      try await self.isMadeAgain(file, by: "morph", daemon)
    }

    @Test func aRenderedPictureIsMadeAgain() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let picture = folder.file("beat.png")
      let drawn = try await daemon.riff([
        "generate", "harp", "--seed", "5", "--steps", "2", "--width", "96", "-o", picture,
      ])
      #expect(drawn.status == 0, "\(drawn.errors)")
      let file = folder.file("beat.mp3")
      let made = try await daemon.riff([
        "render", picture, "--step", "12", "--power", "0.37", "--maximum", "12345678.9",
        "--quality",
        "draft", "--bitrate", "96k", "--fade", "20", "-o", file,
      ])
      #expect(made.status == 0, "\(made.errors)")
      try await self.isMadeAgain(file, by: "render", daemon)
      let wrong = try await daemon.riff(["generate", "--like", file, "--seed", "3", "-o", picture])
      #expect(wrong.status == 64 && wrong.errors.contains("--seed"), "\(wrong.errors)")
      let other = try await daemon.riff(["morph", "--like", file, "-o", folder.file("x.opus")])
      #expect(other.status == 1 && other.errors.contains("riff generate --like"), "\(other.errors)")
    }

    /// What was said to it is not in its file: another one begins as it began.
    @Test func aJamBeginsAgain() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let stop = folder.file("stop")
      try Data("/stop\n".utf8).write(to: URL(filePath: stop))
      func jam(_ arguments: [String]) async throws -> Program.Result {
        try await Program.run(
          Checkout.program("riff"), ["--socket", daemon.socket] + arguments, input: stop)
      }
      let file = folder.file("jam.opus")
      let made = try await jam([
        "jam", "jazz 0.3 + techno 0.7", "--bpm", "100", "--seed", "6", "--steps", "3", "-o", file,
      ])
      #expect(made.status == 0, "\(made.errors)")
      let before = try #require(try await self.info(file).settings)
      for (command, extra) in [("jam", []), ("generate", []), ("jam", ["--bpm", "90"])] {
        let second = folder.file("second.opus")
        let again = try await jam([command, "--like", file, "-o", second] + extra)
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.errors.contains("new jam"), "\(again.errors)")
        var after = try #require(try await self.info(second).settings)
        if !extra.isEmpty {
          #expect(after["bpm"] == "90.0")
          after["bpm"] = before["bpm"]
        }
        #expect(after == before)
      }
      #expect(before["prompts.1.prompt"] == "techno" && before["prompts.1.weight"] == "0.7")
      let wrong = try await jam(["generate", "--like", file, "--duration", "3", "-o", file])
      #expect(wrong.status == 64 && wrong.errors.contains("--duration"), "\(wrong.errors)")
    }

    /// ffmpeg converts what the daemon does not decode; the clip is found all the same.
    @Test func aConvertedClipIsFound() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      try await SoundWitness.make(folder.file("song.m4a"), from: "sine=frequency=330:duration=2")
      let file = folder.file("remix.opus")
      let made = try await daemon.riff([
        "remix", folder.file("song.m4a"), "choir", "--steps", "2", "--strength", "0.5", "-o", file,
      ])
      #expect(made.status == 0 && made.errors.contains("converting"), "\(made.errors)")
      let second = folder.file("second.opus")
      let again = try await daemon.riff(["remix", "--like", file, "-o", second])
      #expect(again.status == 0, "\(again.errors)")
      #expect(try self.bytes(second) == self.bytes(file))
    }

    /// A setting that this riff does not know is not lost in silence.
    @Test func anUnknownSettingIsRefused() async throws {
      let daemon = try await RunningDaemon()
      let file = daemon.folder.file("a.wav")
      let made = try await daemon.riff([
        "generate", "harp", "--steps", "2", "--duration", "0.5", "--quality", "draft", "-o", file,
      ])
      #expect(made.status == 0, "\(made.errors)")
      var bytes = try self.bytes(file)
      let name = try #require(bytes.firstRange(of: Data("RIFF_QUALITY".utf8)))
      bytes.replaceSubrange(name, with: Data("RIFF_QUANTUM".utf8))
      try bytes.write(to: URL(filePath: file))
      let again = try await daemon.riff(["generate", "--like", file, "-o", file])
      #expect(again.status == 1 && again.errors.contains("quantum"), "\(again.errors)")
    }

    /// A picture keeps its own width in a remix, and what it was made of goes with it.
    @Test func whatAPictureWasMadeOfIsNotLost() async throws {
      let daemon = try await RunningDaemon()
      let picture = daemon.folder.file("a.png")
      let drawn = try await daemon.riff([
        "generate", "harp", "--seed", "5", "--steps", "2", "--width", "96", "-o", picture,
      ])
      #expect(drawn.status == 0, "\(drawn.errors)")
      let sound = daemon.folder.file("a.opus")
      let rendered = try await daemon.riff(["render", picture, "-o", sound])
      #expect(rendered.status == 0, "\(rendered.errors)")
      let settings = try #require(try await self.info(sound).settings)
      #expect(settings["method"] == "Render" && settings["file_name"] == "a.png")
      #expect(settings["source.prompt"] == "harp" && settings["source.seed"] == "5")

      let remix = daemon.folder.file("b.png")
      let second = daemon.folder.file("c.png")
      let painted = try await daemon.riff([
        "generate", "choir", "--init", picture, "--steps", "2", "--seed", "1", "-o", remix,
      ])
      #expect(painted.status == 0, "\(painted.errors)")
      let repainted = try await daemon.riff(["generate", "--like", remix, "-o", second])
      #expect(repainted.status == 0, "\(repainted.errors)")
      #expect(try self.bytes(second) == self.bytes(remix))
    }

    @Test func riffusionsPicturesAndStrangersFiles() async throws {
      let folder = try TemporaryFolder()
      let picture = folder.file("beat.png")
      let drawn = try await Program.run(
        "/usr/bin/python3",
        [
          "-c",
          """
          import sys
          from PIL import Image
          image = Image.new("RGB", (4, 512), "white")
          exif = image.getexif()
          exif[11000], exif[11010], exif[11040], exif[11080] = 44100, 10, 512, 3.5e6
          image.save(sys.argv[1], exif=exif)
          """, picture,
        ])
      #expect(drawn.status == 0, "\(drawn.errors)")
      let report = try await self.info(picture)
      #expect(report.settings == nil)
      #expect(report.spectrogram?["sample_rate"] == 44_100)
      #expect(report.spectrogram?["maximum"] == 3.5e6)
      for path in [Checkout.root + "/Package.swift", folder.file("none.opus")] {
        let result = try await Program.run(Checkout.program("riff"), ["info", path])
        #expect(result.status == 1 && result.errors.hasPrefix("riff: "), "\(result.errors)")
      }
    }

    @Test func theSeedIsSaidUnlessQuiet() async throws {
      let daemon = try await RunningDaemon()
      let arguments = ["generate", "harp", "--steps", "2", "--duration", "0.5", "--seed", "123"]
      let loud = try await daemon.riff(arguments)
      #expect(loud.errors == "riff: seed 123\n")
      let quiet = try await daemon.riff(arguments + ["--quiet"])
      #expect(quiet.errors.isEmpty && quiet.output == loud.output)
      let file = daemon.folder.file("a.opus")
      let silent = try await daemon.riff(arguments + ["-q", "-o", file])
      #expect(silent.status == 0 && silent.errors.isEmpty)
      #expect(Array(try self.bytes(file)) == loud.output)
    }
  }
}
