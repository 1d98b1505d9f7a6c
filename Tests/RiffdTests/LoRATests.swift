import Foundation
import GRPCCore
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// What goes beside a model, LoRAs and autoencoders: from the command line or the configuration to the
  /// picture.
  @Suite struct LoRATests {
    private static let fixtures = Checkout.root + "/Tests/DiffusionTests/Fixtures"
    private static let loras = ["kohya", "peft"].flatMap {
      ["--lora", "\($0)=\(Self.fixtures)/lora/\($0).safetensors"]
    }

    private func daemon(
      _ arguments: [String] = Self.loras, environment: [String: String] = [:]
    ) async throws -> RunningDaemon {
      try await RunningDaemon(
        models: [("tiny", "\(Self.fixtures)/sd1")],
        arguments: ["--no-bundled-models"] + arguments, environment: environment)
    }

    private struct Painted: Equatable {
      /// The picture's compressed pixels; the file's texts differ.
      var pixels: Data
      var settings: [String: String]
    }

    private func paint(
      _ daemon: RunningDaemon, _ prompt: String = "harp", _ loras: [(String, Double?)] = []
    ) async throws -> Painted {
      var request = Riff_V1_GenerateRequest()
      request.prompt = prompt
      request.seed = 3
      request.steps = 3
      request.output = .none
      request.loras = loras.map { name, weight in
        .with {
          $0.name = name
          if let weight { $0.weight = weight }
        }
      }
      let events = try await daemon.client { [request] in try await $0.events(request) }
      let picture = try #require(events.first { !$0.spectrogram.isEmpty }).spectrogram
      let started = try #require(events.first { $0.started.jobID > 0 }).started
      return Painted(
        pixels: Self.pixels(picture),
        settings: Dictionary(uniqueKeysWithValues: started.settings.map { ($0.name, $0.value) }))
    }

    /// The IDAT chunks of a PNG file.
    private static func pixels(_ png: Data) -> Data {
      let bytes = [UInt8](png)
      var place = 8
      var pixels = Data()
      while place + 8 <= bytes.count {
        let length = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
        if bytes[(place + 4)..<(place + 8)].elementsEqual("IDAT".utf8) {
          pixels += bytes[(place + 8)..<(place + 8 + length)]
        }
        place += 12 + length
      }
      return pixels
    }

    @Test func byNameAndInThePrompt() async throws {
      let daemon = try await self.daemon()
      let plain = try await self.paint(daemon)
      let field = try await self.paint(daemon, "harp", [("kohya", 0.5)])
      #expect(field.pixels != plain.pixels)
      #expect(plain.settings["loras"] == nil)
      #expect(field.settings["loras"] == "kohya:0.5")
      #expect(field.settings["loras_fingerprint"]?.count == 16)
      // A tag is the same, and is not part of the prompt.
      for prompt in ["harp <lora:kohya:0.5>", "<lora:kohya:.5> harp"] {
        let tagged = try await self.paint(daemon, prompt)
        #expect(tagged == field)
        #expect(tagged.settings["prompt"] == "harp")
      }
      let whole = try await self.paint(daemon, "harp", [("kohya", nil)])
      #expect(try await self.paint(daemon, "harp <lora:kohya>") == whole)
      #expect(whole.pixels != field.pixels)
      let two = try await self.paint(daemon, "harp <lora:peft:-1>", [("kohya", 0.5)])
      #expect(two.settings["loras"] == "kohya:0.5,peft:-1.0")
      #expect(two.pixels != field.pixels)
    }

    /// Jobs with other sets at the same time make what they make alone.
    @Test func setsAtTheSameTime() async throws {
      let daemon = try await self.daemon()
      let prompts = [
        "harp", "harp <lora:kohya>", "harp <lora:kohya:0.5>", "harp <lora:peft>",
        "harp <lora:kohya> <lora:peft>",
      ]
      var alone: [Painted] = []
      for prompt in prompts { alone.append(try await self.paint(daemon, prompt)) }
      #expect(Set(alone.map(\.pixels)).count == prompts.count)
      try await withThrowingTaskGroup(of: (Int, Painted).self) { group in
        for turn in 0..<3 * prompts.count {
          group.addTask {
            let index = turn % prompts.count
            return (index, try await self.paint(daemon, prompts[index]))
          }
        }
        for try await (index, painted) in group { #expect(painted == alone[index]) }
      }
    }

    @Test func mergedIntoAModel() async throws {
      let daemon = try await self.daemon(Self.loras + ["--merge", "tiny=kohya:0.5"])
      let merged = try await self.paint(daemon)
      #expect(merged.settings["loras"] == "kohya:0.5")
      // Asked for with the same weight, it is the same.
      #expect(try await self.paint(daemon, "harp <lora:kohya:0.5>") == merged)
      let less = try await self.paint(daemon, "harp <lora:kohya:0.25>")
      #expect(less.pixels != merged.pixels && less.settings["loras"] == "kohya:0.25")
      let models = try await daemon.client {
        try await $0.listModels(Riff_V1_ListModelsRequest())
      }
      #expect(models.models[0].loras.map(\.name) == ["kohya"])
      #expect(models.models[0].loras[0].weight == 0.5)
      let plain = try await self.daemon()
      #expect(try await self.paint(plain).pixels != merged.pixels)
    }

    @Test func whatCannotBeIsRefused() async throws {
      let daemon = try await self.daemon(
        Self.loras + [
          "--lora", "model=\(Self.fixtures)/sd1/unet/diffusion_pytorch_model.safetensors",
        ]
      )
      func refused(
        _ code: RPCError.Code, _ words: String, _ prompt: String,
        _ loras: [(String, Double?)] = []
      ) async {
        let error = await #expect(throws: RPCError.self) {
          _ = try await self.paint(daemon, prompt, loras)
        }
        #expect(
          error?.code == code && error?.message.contains(words) == true,
          "\(String(describing: error))")
      }
      await refused(
        .notFound, "no LoRA is named “nobody”; there are: kohya, peft, model", "harp",
        [
          ("nobody", 1)
        ])
      await refused(.notFound, "nobody", "harp <lora:nobody:1>")
      await refused(.invalidArgument, "-10 to 10, not 10.5", "harp", [("kohya", 10.5)])
      await refused(.invalidArgument, "-10 to 10, not nan", "harp", [("kohya", .nan)])
      await refused(.invalidArgument, "“kohya” once", "harp <lora:kohya>", [("kohya", 1)])
      await refused(.invalidArgument, "<lora:NAME:WEIGHT>", "harp <lora:kohya:much>")
      await refused(.invalidArgument, "prompt must not be empty", "<lora:kohya>")
      await refused(.failedPrecondition, "not part of a LoRA", "harp <lora:model>")

      // The list and the log say so, too.
      let list = try await daemon.client { try await $0.listModels(Riff_V1_ListModelsRequest()) }
      #expect(list.loras.map(\.name) == ["kohya", "peft", "model"])
      #expect(list.loras[0].rank == 3 && list.loras[0].fingerprint.count == 16)
      #expect(list.loras[0].path.hasSuffix("lora/kohya.safetensors"))
      #expect(list.loras[2].problem.contains("not part of a LoRA"))
      #expect(list.models[0].precision == "f32")
      while !daemon.program.errors.contains("LoRA model cannot be used") {
        try await Task.sleep(for: .milliseconds(20))
      }
      let listed = try await daemon.riff(["models"])
      let text = String(decoding: listed.output, as: UTF8.self)
      #expect(text.contains("LoRA kohya: rank 3") && text.contains("LoRA model: cannot be used"))
      #expect(text.contains("computed in f32"))

      for (arguments, words) in [
        (["--lora", "a:b=x"], "a LoRA's name"), (["--lora", "a=x", "--lora", "a=y"], "two LoRAs"),
        (["--merge", "tiny=nobody"], "no LoRA has that name"),
        (Self.loras + ["--merge", "other=kohya"], "no model has that name"),
        (Self.loras + ["--merge", "tiny=kohya:11"], "-10 to 10"),
      ] {
        let result = try await Program.run(
          Checkout.program("riffd"),
          ["--socket", daemon.folder.file("none.sock"), "--model", "tiny=\(Self.fixtures)/sd1"]
            + arguments)
        #expect(result.status == 64 && result.errors.contains(words), "\(result.errors)")
      }
    }

    /// The command line's options, and a file made again.
    @Test func theCLI() async throws {
      let daemon = try await self.daemon()
      let folder = daemon.folder
      let made = try await daemon.riff([
        "generate", "harp", "--steps", "3", "--seed", "3", "--lora", "kohya:0.5", "--lora", "peft",
        "--width", "32", "--height", "32", "-o", folder.file("a.png"),
      ])
      #expect(made.status == 0, "\(made.errors)")
      let again = try await daemon.riff([
        "generate", "--like", folder.file("a.png"), "-o", folder.file("b.png"),
      ])
      #expect(again.status == 0 && !again.errors.contains("may differ"), "\(again.errors)")
      let files = FileManager.default
      #expect(files.contents(atPath: folder.file("a.png")) != nil)
      #expect(
        files.contents(atPath: folder.file("a.png")) == files.contents(atPath: folder.file("b.png"))
      )
      let info = try await daemon.riff(["info", folder.file("a.png")])
      #expect(String(decoding: info.output, as: UTF8.self).contains("kohya:0.5,peft:1.0"))

      // A change to it, and a picture painted over.
      let other = try await daemon.riff([
        "generate", "--like", folder.file("a.png"), "--lora", "peft:0.25", "-o",
        folder.file("c.png"),
      ])
      #expect(other.status == 0, "\(other.errors)")
      let changed = try await daemon.riff(["info", folder.file("c.png")])
      #expect(String(decoding: changed.output, as: UTF8.self).contains("kohya:0.5,peft:0.25"))
      let over = try await daemon.riff([
        "generate", "harp <lora:kohya>", "--steps", "4", "--init", folder.file("a.png"),
        "--height", "32", "-o", folder.file("d.png"),
      ])
      #expect(over.status == 0, "\(over.errors)")
      for text in ["kohya:", "kohya:x", "kohya:11", ":1"] {
        let wrong = try await daemon.riff(["generate", "harp", "--lora", text])
        #expect(wrong.status == 64 && wrong.errors.contains("--lora"), "\(wrong.errors)")
      }
    }

    /// All prompts of a morph count.
    @Test func aMorph() async throws {
      let daemon = try await self.daemon()
      let settings = try await daemon.client { client in
        try await client.morph(requestProducer: { writer in
          try await writer.write(
            .with {
              $0.options.generate.output = .none
              $0.options.generate.steps = 2
              $0.options.generate.loras = [.with { $0.name = "peft" }]
              $0.options.from.prompt = "harp <lora:kohya:0.5>"
              $0.options.to.prompt = "drums"
              $0.options.clips = 2
            })
        }) { response in
          var settings: [String: String] = [:]
          for try await event in response.messages {
            for setting in event.started.settings { settings[setting.name] = setting.value }
          }
          return settings
        }
      }
      #expect(settings["loras"] == "peft:1.0,kohya:0.5")
      #expect(settings["from.prompt"] == "harp")
    }

    /// An autoencoder for a model, and all of it in config.yaml.
    @Test func inTheConfigurationFile() async throws {
      let plain = try await self.paint(self.daemon())
      let tiny = try await self.paint(
        self.daemon(["--vae", "tiny=\(Self.fixtures)/tiny-vae/raw/taesd_decoder.pth"]))
      #expect(tiny.pixels != plain.pixels)
      #expect(tiny.settings["model_fingerprint"] != plain.settings["model_fingerprint"])

      let folder = try TemporaryFolder()
      try FileManager.default.createDirectory(
        atPath: folder.file("riffd"), withIntermediateDirectories: false)
      func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: folder.file("riffd/config.yaml")))
      }
      let environment = ["XDG_CONFIG_HOME": folder.path]
      try FileManager.default.copyItem(
        atPath: "\(Self.fixtures)/lora/kohya.safetensors",
        toPath: folder.file("riffd/mine.safetensors"))
      try write(
        """
        vae: [tiny=\(Self.fixtures)/tiny-vae/vae]
        loras:
          - mine=mine.safetensors   # beside this file
          - peft=\(Self.fixtures)/lora/peft.safetensors
        merge: ["tiny=mine:0.5"]
        """)
      let daemon = try await self.daemon([], environment: environment)
      #expect(try await self.paint(daemon, "harp <lora:mine:0>").settings["loras"] == "mine:0.0")
      #expect(try await self.paint(daemon).settings["loras"] == "mine:0.5")
      // Options come first.
      let other = try await self.daemon(
        ["--vae", "tiny=\(Self.fixtures)/sd1/vae", "--merge", "tiny=mine:0"],
        environment: environment)
      #expect(try await self.paint(other).pixels == plain.pixels)

      for (text, words) in [
        ("loras: [mine]\n", "config.yaml:1: loras must be a list of NAME=PATH; “mine” is not one"),
        ("loras: [\"a b=c\"]\n", "config.yaml:1: a LoRA's name"),
        ("threads: 2\nmerge: [\"tiny=\"]\n", "config.yaml:2: merge must be a list of"),
        ("vae: x\n", "config.yaml:1: vae must be a list of NAME=PATH"),
        ("vae: [\"nobody=x\"]\n", "no model has that name"),
      ] {
        try write(text)
        let result = try await Program.run(
          Checkout.program("riffd"),
          ["--socket", folder.file("none.sock"), "--model", "tiny=\(Self.fixtures)/sd1"],
          environment: environment)
        #expect(result.status == 64 && result.errors.contains(words), "\(text): \(result.errors)")
      }
    }
  }
}
