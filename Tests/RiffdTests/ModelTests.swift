import Foundation
import GRPCCore
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// Models of the user's own: where they come from, and what is said of those that cannot be used.
  @Suite struct ModelTests {
    private func models(_ daemon: RunningDaemon) async throws -> [Riff_V1_Model] {
      try await daemon.client { try await $0.listModels(Riff_V1_ListModelsRequest()).models }
    }

    private func copy(to path: String) throws {
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: Checkout.bundledModel, toPath: path)
    }

    @Test func everyProblemHasALine() async throws {
      let folder = try TemporaryFolder()
      try self.copy(to: folder.file("pointer"))
      try Data(
        """
        version https://git-lfs.github.com/spec/v1
        oid sha256:0000000000000000000000000000000000000000000000000000000000000000
        size 3438167540

        """.utf8
      ).write(to: URL(filePath: folder.file("pointer/unet/diffusion_pytorch_model.safetensors")))
      try self.copy(to: folder.file("home/mine"))
      let hub = folder.file("models--somebody--riff")
      try self.copy(to: hub + "/snapshots/abc")
      try self.copy(to: hub + "/snapshots/def")
      try FileManager.default.createDirectory(
        atPath: hub + "/refs", withIntermediateDirectories: false)
      try Data("abc\n".utf8).write(to: URL(filePath: hub + "/refs/main"))
      try Data().write(to: URL(filePath: folder.file("v1.ckpt")))
      try FileManager.default.createDirectory(
        atPath: folder.file("empty"), withIntermediateDirectories: false)

      let daemon = try await RunningDaemon(
        models: [
          ("hub", hub), ("home", "~/mine/"), ("missing", folder.file("nothing")),
          ("single", folder.file("v1.ckpt")), ("empty", folder.file("empty")),
          ("pointer", folder.file("pointer")), ("hub", folder.file("home/mine")),
        ], arguments: [], environment: ["HOME": folder.file("home")])
      let models = try await self.models(daemon)
      #expect(
        models.map(\.name) == [
          "hub", "home", "missing", "single", "empty", "pointer", "hub", "riff-mini",
        ])
      #expect(models[0].problem.isEmpty && models[0].path == hub + "/snapshots/abc")
      #expect(models[1].problem.isEmpty && models[1].path == folder.file("home/mine"))
      #expect(models[7].problem.isEmpty)
      // Looking at them reads no weights. The same files have the same fingerprint.
      #expect(models.allSatisfy { !$0.loaded })
      #expect(models[0].fingerprint.count == 16)
      #expect(models[0].fingerprint == models[7].fingerprint)
      for (index, words) in [
        (2, "does not exist"), (3, "0 bytes"), (4, "model_index.json"),
        (5, "git-lfs pointer"), (6, "two models hub"),
      ] {
        #expect(models[index].problem.contains(words), "\(models[index].problem)")
      }

      // The same in the log, a line each, without anybody asking.
      while !daemon.program.errors.contains("model riff-mini: ") {
        try await Task.sleep(for: .milliseconds(20))
      }
      let log = daemon.program.errors.split(separator: "\n")
      for model in models where !model.problem.isEmpty {
        #expect(
          log.contains { $0.contains("model \(model.name) cannot be used: \(model.problem)") },
          "\(daemon.program.errors)")
      }
      let listed = try await daemon.riff(["models"])
      let text = String(decoding: listed.output, as: UTF8.self)
      #expect(text.contains("missing: cannot be used") && text.contains(models[0].fingerprint))

      // The first of a name plays; the first given is the default.
      let events = try await daemon.client {
        try await $0.events(
          .with {
            $0.prompt = "harp"
            $0.steps = 2
            $0.output = .none
          })
      }
      #expect(events.contains { $0.started.model == "hub" })
      #expect(daemon.program.isRunning)
    }

    /// A file of Stable Diffusion's is a model as a folder is.
    @Test func aModelInOneFile() async throws {
      let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "DiffusionTests/Fixtures/single-file").path
      let daemon = try await RunningDaemon(
        models: [("one", "\(fixtures)/sd1.ckpt"), ("two", "\(fixtures)/sd2.safetensors")],
        arguments: ["--no-bundled-models"], environment: [:])
      let models = try await self.models(daemon)
      #expect(models.allSatisfy { $0.problem.isEmpty }, "\(models.map(\.problem))")
      let events = try await daemon.client {
        try await $0.events(
          .with {
            $0.prompt = "harp"
            $0.model = "two"
            $0.steps = 2
            $0.output = .none
          })
      }
      #expect(events.contains { $0.started.model == "two" })
    }

    @Test func theBundledModelStandsBesideOthersUnlessLeftOut() async throws {
      let folder = try TemporaryFolder()
      try self.copy(to: folder.file("mine"))
      for (arguments, names) in [
        ([], ["mine", "riff-mini"]), (["--no-bundled-models"], ["mine"]),
      ] as [([String], [String])] {
        let daemon = try await RunningDaemon(
          models: [("mine", folder.file("mine"))], arguments: arguments)
        #expect(try await self.models(daemon).map(\.name) == names)
      }
      // A model of the bundled one's name takes its place.
      let daemon = try await RunningDaemon(
        models: [("riff-mini", folder.file("mine"))], arguments: [])
      let models = try await self.models(daemon)
      #expect(models.map(\.path) == [folder.file("mine")])
    }

    @Test func aConfigurationFileSpeaksForEveryDaemon() async throws {
      let folder = try TemporaryFolder()
      try FileManager.default.createDirectory(
        atPath: folder.file("riffd"), withIntermediateDirectories: false)
      try self.copy(to: folder.file("riffd/mine"))
      let path = folder.file("riffd/config.yaml")
      func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
      try write(
        """
        # Mine.
        models:
          - mine=mine          # beside this file
          - other=\(Checkout.bundledModel)
        threads: 1
        idle-timeout: 300
        """)
      // One that the CLI starts knows it, too.
      let socket = folder.file("s/riffd.sock")
      let riff = try Checkout.program("riff")
      let environment = ["XDG_CONFIG_HOME": folder.path]
      let listed = try await Program.run(
        riff, ["--socket", socket, "models"], environment: environment)
      let names = String(decoding: listed.output, as: UTF8.self).split(separator: "\n")
        .filter { !$0.hasPrefix(" ") }.map { $0.prefix { $0 != ":" } }
      #expect(names == ["mine", "other", "riff-mini"], "\(listed.errors)")
      let status = try await Program.run(
        riff, ["--socket", socket, "status"], environment: environment)
      let line = String(decoding: status.output, as: UTF8.self)
      #expect(line.contains("1 threads"), "\(line)")
      let match = try #require(line.firstMatch(of: /pid (\d+)/))
      kill(try #require(pid_t(match.output.1)), SIGTERM)

      // Options come first.
      let daemon = try await RunningDaemon(
        models: [("given", Checkout.bundledModel)], arguments: ["--no-bundled-models"],
        environment: environment)
      #expect(try await self.models(daemon).map(\.name) == ["given", "mine", "other"])
      #expect(try await daemon.status().threads == 2)

      for (text, words) in [
        ("modles: []\n", "config.yaml:1: unknown key “modles”"),
        ("threads: 1\nmodels: mine\n", "config.yaml:2: models must be a list of NAME=PATH"),
        ("models: [mine]\n", "“mine”"), ("threads: many\n", "threads must be 1 to 256, not many"),
        ("precision: f16\n", "config.yaml:1: precision must be f32, bf16, int8 or auto"),
        ("threads: 0\n", "threads must be 1 to 256, not 0"),
        ("- a\n- b\n", "config.yaml:1: expected keys and values"),
        ("threads: 1\nthreads: 2\n", "config.yaml:2: threads is there twice"),
        ("models: {a: [\n", "not YAML"), ("models: [[a=b]]\n", "list of texts"),
        ("bundled-models: 7\n", "true or false"),
        ("model-memory: lots\n", "model-memory must be a number of bytes"),
        ("keep-alive: -1\n", "keep-alive must be a number of seconds"),
      ] {
        try write(text)
        let result = try await Program.run(
          Checkout.program("riffd"), ["--socket", folder.file("none.sock")],
          environment: environment)
        #expect(result.status == 64 && result.errors.contains(words), "\(text): \(result.errors)")
      }
      // How long a model stays in memory, unless an option says otherwise.
      try write("keep-alive: 0\nmodel-memory: 800M\n")
      for (arguments, stays) in [([String](), false), (["--keep-alive", "forever"], true)] {
        let brief = try await RunningDaemon(
          arguments: ["--no-bundled-models"] + arguments, environment: environment)
        let load = try await brief.riff(["generate", "harp", "--steps", "1", "-o", "/dev/null"])
        #expect(load.status == 0, "\(load.errors)")
        if !stays {
          while try await self.models(brief)[0].loaded {
            try await Task.sleep(for: .milliseconds(50))
          }
        }
        #expect(try await self.models(brief)[0].loaded == stays)
      }
      for text in ["", "# nothing\n", "models: []\n"] {
        try write(text)
        let plain = try await RunningDaemon(arguments: [], environment: environment)
        #expect(try await self.models(plain).map(\.name) == ["riff-mini"])
      }
    }

    @Test func whatIsOddIsUsedAndWarnedOf() async throws {
      let folder = try TemporaryFolder()
      try self.copy(to: folder.file("odd"))
      for name in ["scheduler/scheduler_config.json", "model_index.json", "riff.json"] {
        let url = URL(filePath: folder.file("odd/\(name)"))
        let value = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
        var object = try #require(value as? [String: Any])
        switch name {
        case "riff.json":
          object["defalts"] = ["steps": 3]
          // The checkpoint's own sampler.
          var defaults = object["defaults"] as? [String: Any]
          defaults?["scheduler"] = nil
          object["defaults"] = defaults
        case "model_index.json": object["scheduler"] = ["diffusers", "KDPM2DiscreteScheduler"]
        default: object["use_beta_sigmas"] = true
        }
        try JSONSerialization.data(withJSONObject: object).write(to: url)
      }
      let daemon = try await RunningDaemon(models: [("odd", folder.file("odd"))])
      let models = try await self.models(daemon)
      #expect(models[0].problem.isEmpty && models[0].schedulers.first == "heun")
      #expect(models[0].warnings.contains { $0.contains("defalts") }, "\(models[0].warnings)")
      let picture = daemon.folder.file("a.png")
      let drawn = try await daemon.riff([
        "generate", "harp", "--steps", "2", "--height", "512", "-o", picture,
      ])
      #expect(drawn.status == 0, "\(drawn.errors)")
      for words in [
        "KDPM2DiscreteScheduler", "use_beta_sigmas true", "pictures of 256 rows; with 512",
      ] {
        #expect(drawn.errors.contains(words), "\(drawn.errors)")
      }
      // Another sampler has no part in it.
      let other = try await daemon.riff([
        "generate", "harp", "--steps", "2", "--scheduler", "ddim", "-o", picture,
      ])
      #expect(other.status == 0 && !other.errors.contains("warning"), "\(other.errors)")
      let remix = try await daemon.riff([
        "generate", "harp", "--steps", "4", "--strength", "0.2", "--init", picture, "--scheduler",
        "ddim", "-o", daemon.folder.file("b.png"),
      ])
      #expect(remix.status == 0 && remix.errors.contains("the prompt does nothing"))
    }
  }
}
