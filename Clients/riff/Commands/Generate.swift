import ArgumentParser
import GRPCCore
import SwiftProtobuf
import RiffProtocol

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Riff {
  struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Text to sound, from noise or from a clip or picture of yours.",
      discussion: """
        riff generate "funk bassline with a jazzy saxophone solo" | mpv -
        riff generate "church bells" -o bells.opus --duration 10 --seed 7
        riff generate "gospel choir" --init song.mp3 --strength 0.6 -o choir.opus
        riff generate --like bells.opus --seed 8 -o more-bells.opus

        As with riffusion, (word) and (word:1.3) weigh more, [word] weighs less. --negative "vocals" steers \
        away from what it names. --strength 0.3 keeps most of --init, 0.8 little of it; riff remix keeps a \
        clip's rhythm, and takes all of it.
        """)

    @Argument(help: "What to play, in words. (default: that of --like)") var prompt: String?
    /// What a prompt without quotation marks leaves behind.
    @Argument(help: .hidden) var surplus: [String] = []
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg, .wav, .flac or .mp3 for sound, .png for the spectrogram, - for standard output; \
        given twice, sound and spectrogram of one job. A file of that name is replaced. (default: \
        standard output if it is a pipe, else a file named after prompt and seed that replaces none)
        """,
        valueName: "file"))
    var output: [String] = []
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Length of the sound. (default: the model's own, 5.12 for riff-mini)",
        valueName: "seconds"),
      transform: Value.positive())
    var duration: Double?
    @Option(
      parsing: .unconditional,
      help: """
        Where the noise begins, a whole number from 0; the same seed, the same picture. (default: \
        random)
        """,
      transform: Value.whole(0...UInt64.max))
    var seed: UInt64?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Make several takes with seeds that follow each other, in numbered files. (default: 1)",
        valueName: "n"),
      transform: Value.whole(1...1_000))
    var count: Int?
    @Option(help: "A name that “riff models” lists. (default: the first)") var model: String?
    @Option(
      parsing: .unconditional, help: ArgumentHelp("What to steer away from.", valueName: "text"))
    var negative: String?
    @Option(
      parsing: .unconditional, help: "Denoising steps, 1 to 1000. (default: the model's own)",
      transform: Value.whole(1...1_000))
    var steps: UInt32?
    @Option(
      parsing: .unconditional, help: "Guidance scale, 0 to 100. (default: the model's own)",
      transform: Value.number(0...100))
    var guidance: Float?
    @Option(help: "Sampler, as “riff models” lists them. (default: the checkpoint's own)")
    var scheduler: String?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Width of the picture, instead of a duration.", valueName: "px"),
      transform: Value.whole(1...UInt32.max))
    var width: UInt32?
    @Option(
      parsing: .unconditional, help: ArgumentHelp("Height of the picture.", valueName: "px"),
      transform: Value.whole(1...UInt32.max))
    var height: UInt32?
    @Option(
      parsing: .unconditional,
      help: """
        Beats a minute that the windows of a long piece begin on, 30 to 300. (default: as the prompt \
        says, else the music's own)
        """,
      transform: Value.number(30...300))
    var bpm: Double?
    @OptionGroup var loras: LoRAFlags
    @OptionGroup(title: "Sound files") var sound: SoundFlags
    @Option(
      parsing: .unconditional,
      help: "Noise that DDIM puts back at each step, 0 to 1. (default: 0)",
      transform: Value.number(0...1))
    var eta: Double?
    @Flag(help: "Take brackets in the prompts as plain text, and cut long ones.")
    var plainPrompt = false
    @Option(
      name: .customLong("init"),
      help: ArgumentHelp(
        "A .png or .jpg spectrogram or an audio file to begin from, or - for standard input.",
        valueName: "file"))
    var source: String?
    @Option(
      parsing: .unconditional,
      help: "How far --init is painted over, 0 to 1: 0.3 keeps most, 0.8 little. (default: 0.75)",
      transform: Value.number(0...1))
    var strength: Double?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Where in --init's sound to begin. (default: 0)", valueName: "seconds"),
      transform: Value.number(0...1e9))
    var start: Double?
    @Option(
      help: ArgumentHelp(
        "A .png or .jpg: where it is black --init stays, white is painted over, grey both in part.",
        valueName: "file"))
    var mask: String?
    @Option(
      help: ArgumentHelp(
        """
        Make a file of riff's again: the same bytes on the same machine, with the same threads and \
        version. Other options are changes to how it was made.
        """,
        valueName: "file"))
    var like: String?
    @OptionGroup(title: "While it is made") var play: PlayFlags
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      guard self.surplus.isEmpty else {
        let words = ([self.prompt ?? ""] + self.surplus).joined(separator: " ")
        throw Failure.usage("quote the prompt: riff generate \"\(words)\"")
      }
      let made = try self.like.map { try MadeFile(path: $0) }
      var request = try made?.request() ?? Riff_V1_GenerateRequest()
      if let prompt { request.prompt = prompt }
      let takes = self.count ?? 1
      let destination = try self.sound.destination(
        self.output, stem: FileName.stem(prompt: request.prompt),
        usual: made.flatMap { MediaFormat(rawValue: $0.fileExtension) } ?? .opus, takes: takes)
      self.change(&request, destination)
      let seeds = try self.seeds(takes, of: &request)
      let source = try self.source ?? made?.upload()
      let file = try source.map { try InputFile(path: $0) }
      try file.map { try destination.check(against: $0) }
      // What cannot be written to is told before anything is made.
      let player = try self.play.player(for: destination, paths: self.output, takes: takes)
      let first = try JobOutput(
        destination, talk: self.talk, like: made?.recipe, player: player)
      for take in 0..<takes {
        if let seeds { request.seed = seeds + UInt64(take) }
        let output =
          take == 0
          ? first
          : try JobOutput(
            destination, take: take, talk: self.talk, like: made?.recipe, player: player)
        if let file {
          try await self.remix(
            take == 0 ? file : InputFile(path: file.readablePath()), named: file.path, request,
            made, destination, output)
        } else {
          try await self.generate(request, destination, output)
        }
      }
    }

    private func generate(
      _ request: Riff_V1_GenerateRequest, _ destination: Destination, _ output: JobOutput
    ) async throws {
      try await self.riff.connect(
        self.connection, usesStandardOutput: destination.usesStandardOutput
      ) { daemon in
        try await output.open()
        try await daemon.generate(request) { try await output.save($0) }
      }
    }

    private func remix(
      _ file: InputFile, named name: String, _ request: Riff_V1_GenerateRequest, _ made: MadeFile?,
      _ destination: Destination, _ output: JobOutput
    ) async throws {
      let strength = try self.strength ?? made?.strength()
      let start = try self.start ?? made?.start()
      let mask = try self.mask.map { try InputFile(path: $0).mask() }
      let options = Riff_V1_RemixOptions.with {
        $0.generate = request
        $0.fileName = FileName.last(name)
        if let mask { $0.mask = mask }
        if let strength { $0.strength = strength }
        if let start { $0.startSeconds = start }
      }
      try await SoundUpload.send(file) { pieces in
        try await self.riff.connect(
          self.connection, file: name, usesStandardOutput: destination.usesStandardOutput
        ) { daemon in
          try await output.open()
          try await daemon.remix(
            requestProducer: { writer in
              try await writer.write(.with { $0.options = options })
              while let piece = try await pieces() {
                try await writer.write(.with { $0.chunk = piece })
              }
            },
            onResponse: { try await output.save($0) })
        }
      }
    }

    func validate() throws {
      if self.prompt == nil, self.like == nil {
        throw ValidationError("say in a few words what to play, or give --like a file")
      }
      if let prompt, !prompt.contains(where: { !$0.isWhitespace }) {
        throw ValidationError("the prompt is empty; say in a few words what to play")
      }
      if self.duration != nil, self.width != nil {
        throw ValidationError("--duration and --width both say how long the sound is; give one")
      }
      if self.strength != nil, self.source == nil, self.like == nil {
        throw ValidationError("--strength says how far --init is painted over; give both")
      }
      if self.start != nil, self.source == nil, self.like == nil {
        throw ValidationError("--start says where in --init's sound to begin; give both")
      }
      if self.mask != nil, self.source == nil {
        throw ValidationError("--mask says what of --init stays; give both")
      }
    }

    /// The first take's seed, where there are several takes; the daemon draws one for a single take.
    private func seeds(
      _ takes: Int, of request: inout Riff_V1_GenerateRequest
    ) throws -> UInt64? {
      guard takes > 1 else { return nil }
      let first =
        request.hasSeed ? request.seed : UInt64.random(in: 0...UInt64(UInt32.max) - UInt64(takes))
      guard first <= UInt64.max - UInt64(takes - 1) else {
        throw Failure.usage(
          "--seed must be at most \(UInt64.max - UInt64(takes - 1)) for \(takes) takes")
      }
      return first
    }

    /// What the options say, in a request that may say something already.
    private func change(_ request: inout Riff_V1_GenerateRequest, _ destination: Destination) {
      self.sound.change(&request, for: destination)
      self.loras.change(&request)
      if self.talk.graphics(for: destination) != nil { request.wantSpectrogram = true }
      if let model { request.model = model }
      if let negative { request.negativePrompt = negative }
      if let seed { request.seed = seed }
      if let steps { request.steps = steps }
      if let guidance { request.guidanceScale = guidance }
      if let scheduler { request.scheduler = scheduler }
      if self.duration != nil || self.width != nil {
        request.clearDurationSeconds()
        request.clearWidth()
      }
      if let duration { request.durationSeconds = duration }
      if let width { request.width = width }
      if let height { request.height = height }
      if let bpm { request.bpm = bpm }
      if let eta { request.eta = eta }
      if plainPrompt { request.promptWeighting = false }
    }
  }
}
