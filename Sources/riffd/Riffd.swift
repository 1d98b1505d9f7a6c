import ArgumentParser
import Configuration
import FramedTransport
import GRPCCore
import Logging
import Riff
import RiffProtocol
import RiffServing
import ServiceLifecycle

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@main
struct Riffd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "riffd",
    abstract:
      "Turns text, pictures and clips into streamed Ogg Opus, for programs on this machine.",
    discussion: """
      riffd
      riffd --model riffusion=/models/riffusion-model-v1 --threads 4
      riffd --model sd=/models/sd.safetensors --vae sd=/models/taesd_decoder.pth
      riffd --socket /run/music/riffd.sock --allow-group music --model-memory 6G

      Listens on a Unix-domain socket, by default $RIFF_SOCKET, else riffd.sock in \
      $XDG_RUNTIME_DIR, else /tmp/riffd-UID/riffd.sock; its folder must be yours alone (mode 0700) \
      and is made if it is missing. If $XDG_RUNTIME_DIR is yours but others can enter it, its \
      folder riffd is used. SIGINT and SIGTERM let running jobs finish for some seconds, then stop \
      them; a new daemon on the same socket waits for that.

      Started by systemd, it takes the one socket handed over (LISTEN_FDS) instead, tells NOTIFY_SOCKET when \
      it is ready, and, if WATCHDOG_USEC is set, that it is alive.

      Uploads lie, without a name, in $TMPDIR, else /var/tmp, until they are read: 4 GiB at most.

      Every daemon, also one that riff starts, reads config.yaml in $XDG_CONFIG_HOME/riffd, else in \
      ~/.config/riffd. Its keys are models, vae, loras (lists of NAME=PATH), merge (a list of \
      NAME=LORA:WEIGHT), bundled-models (true or false), precision, threads, idle-timeout, grace, \
      max-connections, model-memory and keep-alive; options come first. riff reads defaults and presets from \
      the same file.
      """,
    version: DaemonVersion.current)

  @Option(help: ArgumentHelp("Path of the socket to listen on.", valueName: "path"))
  var socket: String = RiffSocket.standardPath()

  @Option(
    name: .customLong("allow-group"),
    help: ArgumentHelp(
      """
      A group whose users may use the daemon as its own user may. Needs --socket or $RIFF_SOCKET; the socket's \
      folder then has that group and mode 0750, and is made so if it is missing. The others name the \
      group as well: riff --socket PATH --allow-group NAME.
      """,
      valueName: "name"))
  var allowedGroup: String?

  @Option(
    name: .customLong("model"),
    help: ArgumentHelp(
      """
      A model's name in requests and its folder, in diffusers' layout, or a hub's cache folder, or a \
      .safetensors or .ckpt file of Stable Diffusion. May be given again; the first is the default. \
      The bundled models follow: those in $RIFF_MODELS, else in ../share/riffd/models beside this \
      program, else in the checkout's Models.
      """,
      valueName: "name=path"))
  var models: [ModelOption] = []

  @Option(
    name: .customLong("vae"),
    help: ArgumentHelp(
      """
      A model's name and the autoencoder that it is to use instead of its own: a folder in diffusers' \
      layout, or TAESD's two files, by their folder or by one of them. May be given again.
      """,
      valueName: "name=path"))
  var autoencoders: [ModelOption] = []

  @Option(
    name: .customLong("lora"),
    help: ArgumentHelp(
      """
      A name for a LoRA of Stable Diffusion 1 or 2, and its file, which requests then may name (riff \
      generate --lora NAME, <lora:NAME:WEIGHT> in prompts). May be given again.
      """,
      valueName: "name=file"))
  var loras: [ModelOption] = []

  @Option(
    name: .customLong("merge"),
    help: ArgumentHelp(
      """
      A model's name and a LoRA, by its name and with a weight, that is added to the model's weights as they \
      are read: all its pictures have it unless they ask for another weight, and it takes no time. May be \
      given again.
      """,
      valueName: "name=lora[:weight]"))
  var merged: [MergeOption] = []

  @Flag(inversion: .prefixedNo, help: "Whether the bundled models are there beside those given.")
  var bundledModels: Bool?

  @Option(
    help: """
      What U-Nets and autoencoders are computed in: f32, bf16, int8 (autoencoders then in bf16), or auto, \
      which is bf16 where the CPU multiplies it faster and else f32. (default: what the model's riff.json says, or f32)
      """)
  var precision: PrecisionChoice?

  @Option(help: "Threads that compute, 1 to 256. (default: one for each processor)")
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      """
      Memory that the weights of all models may take, as in 6G or 800M; the model that was used longest \
      ago leaves first. (default: three quarters of what the process may take)
      """,
      valueName: "bytes"))
  var modelMemory: ByteCount?

  @Option(
    help: ArgumentHelp(
      "How long a model stays in memory after its last job: seconds, or “forever”. (default: forever)",
      valueName: "seconds"))
  var keepAlive: KeepAlive?

  @Option(
    help: ArgumentHelp(
      "End after so many seconds without a connection or a job. (default: never)",
      valueName: "seconds"))
  var idleTimeout: Int?

  @Option(
    help: ArgumentHelp(
      "Seconds that running jobs have to finish when the daemon is told to end. (default: 10)",
      valueName: "seconds"))
  var grace: Int?

  @Option(
    help: ArgumentHelp(
      """
      Connections that may be open at once; when another one comes, the one that has been longest without \
      a call goes. The soft limit on descriptors is raised for them. (default: 64)
      """,
      valueName: "count"))
  var maxConnections: Int?
  @Option(
    help: ArgumentHelp(
      """
      Path of a second socket, on which HTTP GET /metrics tells jobs, queue, step times, memory and the like \
      in Prometheus' text format: curl --unix-socket PATH http://riffd/metrics. (default: none)
      """,
      valueName: "path"))
  var metrics: String?

  func validate() throws {
    // Others do not get to the standard places, or could have made them.
    let environment = ProcessInfo.processInfo.environment
    let standard = RiffSocket.standardPath { $0 == "RIFF_SOCKET" ? nil : environment[$0] }
    if self.allowedGroup != nil, self.socket == standard, environment["LISTEN_FDS"] == nil {
      throw ValidationError(
        "--allow-group needs --socket, a path that the group can reach: \(self.socket) is for one user"
      )
    }
    for (name, value, range) in [
      ("threads", self.threads, DaemonConfiguration.threadRange),
      ("idle-timeout", self.idleTimeout, DaemonConfiguration.idleTimeoutRange),
      ("grace", self.grace, DaemonConfiguration.graceRange),
      ("max-connections", self.maxConnections, DaemonConfiguration.connectionsRange),
    ] {
      if let value, !range.contains(value) {
        throw ValidationError(
          "--\(name) must be \(range.lowerBound) to \(range.upperBound), not \(value)")
      }
    }
  }

  private static func configuration(_ path: String) throws -> UserConfiguration {
    do throws(UserConfiguration.Failure) {
      return try UserConfiguration(path: path)
    } catch {
      throw ValidationError("\(error)")
    }
  }

  func run() async throws {
    MemoryTrim.begin()
    let environment = ProcessInfo.processInfo.environment
    let file =
      if let path = UserConfiguration.standardPath({ environment[$0] }) {
        try ConfigurationFile(try Self.configuration(path))
      } else {
        ConfigurationFile()
      }
    let folder = FileManager.default.currentDirectoryPath
    let given = self.models.map { $0.location(relativeTo: folder) }
    let usesBundled = self.bundledModels ?? file.bundledModels ?? true
    // They may be missing where there are others.
    let bundled =
      if !usesBundled {
        [ModelLocation]()
      } else if given.isEmpty, file.models.isEmpty {
        try BundledModels.find()
      } else {
        (try? BundledModels.find()) ?? []
      }
    var (models, notes) = ModelList.join(
      given: given, configured: file.models, bundled: bundled)
    let adapters = AdapterOptions(
      autoencoders: self.autoencoders.map { $0.location(relativeTo: folder) },
      loras: try self.loras.map { try AdapterOptions.lora($0, relativeTo: folder) },
      merged: self.merged
    ).joined(with: file.adapters)
    try adapters.apply(to: &models)
    if let precision = self.precision ?? file.precision {
      for index in models.indices { models[index].precision = precision }
    }
    let group = try self.allowedGroup.map { try SocketGroup(named: $0) }
    try await Daemon(
      configuration: DaemonConfiguration(
        socket: WorkingDirectory.absolute(self.socket), manager: try ServiceManager(environment),
        models: models, loras: adapters.loras, notes: notes,
        modelPolicy: ModelPolicy(
          memory: (self.modelMemory ?? file.modelMemory)?.bytes,
          keepAlive: (self.keepAlive ?? file.keepAlive)?.seconds ?? .infinity),
        threads: self.threads ?? file.threads ?? DaemonConfiguration.processorCount,
        idleTimeout: (self.idleTimeout ?? file.idleTimeout).map { .seconds($0) },
        metrics: self.metrics.map { WorkingDirectory.absolute($0) },
        grace: .seconds(self.grace ?? file.grace ?? 10), group: group,
        maximumConnections: self.maxConnections ?? file.maxConnections
          ?? DaemonConfiguration.standardConnections)
    ).run()
  }
}
