import ArgumentParser
import GRPCCore
import RiffProtocol
import SwiftProtobuf

extension Riff {
  struct Remix: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A clip of yours, the whole of it, painted over by what a prompt says.",
      discussion: """
        riff remix song.mp3 "gospel choir" -o choir.opus
        riff remix loop.wav "flute" --strength 0.4 | mpv -
        riff remix song.mp3 "violin" --to "techno" --start 30 --duration 60 -o half.opus

        The clip keeps its rhythm: what the model changed is applied to the clip's own sound, in all \
        its channels; --keep nothing plays the model's pictures instead.
        """)

    /// What of the clip stays.
    enum Keep: String, CaseIterable, ExpressibleByArgument {
      case groove, nothing

      var value: Riff_V1_Keep {
        switch self {
        case .groove: .groove
        case .nothing: .nothing
        }
      }
    }

    @Argument(help: "The clip, or - for standard input.", completion: .file()) var clip: String
    @Argument(help: "What it is to become, in words.") var prompt: String
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg or .wav, - for Ogg Opus on standard output. (default: standard output if it is \
        a pipe, else a file named after the prompt)
        """,
        valueName: "file"))
    var output: String?
    @Option(help: "How far the clip is painted over, 0 to 1. (default: 0.6)")
    var strength: Double?
    @Option(help: "What of the clip stays: groove or nothing.") var keep = Keep.groove
    @Option(
      help: ArgumentHelp("Where in the clip to begin. (default: 0)", valueName: "seconds"))
    var start: Double?
    @Option(
      help: ArgumentHelp("How much of the clip. (default: all of it)", valueName: "seconds"))
    var duration: Double?
    @Option(
      help: ArgumentHelp(
        "What it has become by the end: prompts blend on the way.", valueName: "prompt"))
    var to: String?
    @Option(help: "A name that “riff models” lists. (default: the first)") var model: String?
    @Option(help: ArgumentHelp("What to steer away from.", valueName: "text"))
    var negative: String?
    @Option(help: "Where the noise begins; the same seed, the same remix. (default: random)")
    var seed: UInt64?
    @Option(help: "Denoising steps, 1 to 1000. (default: the model's own)") var steps: UInt32?
    @Option(help: "Guidance scale, 0 to 100. (default: the model's own)") var guidance: Float?
    @Option(help: "Sampler, as “riff models” lists them. (default: the checkpoint's own)")
    var scheduler: String?
    @OptionGroup var loras: LoRAFlags
    @OptionGroup(title: "Sound files") var sound: SoundFlags
    @OptionGroup(title: "While it is made") var play: PlayFlags
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let destination = try self.sound.destination(
        self.output.map { [$0] } ?? [], stem: FileName.stem(prompt: self.prompt))
      guard destination.picture == nil else {
        throw Failure.usage("-o: a remix is sound; use .opus, .ogg, .wav, .flac or .mp3")
      }
      let file = try InputFile(path: self.clip)
      try destination.check(against: file)
      let output = try JobOutput(
        destination, talk: self.talk,
        player: try self.play.player(
          for: destination, paths: self.output.map { [$0] } ?? [], takes: 1))
      let options = self.options(destination)
      try await SoundUpload.send(file) { pieces in
        try await self.riff.connect(
          self.connection, file: self.clip, usesStandardOutput: destination.usesStandardOutput
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

    private func options(_ destination: Destination) -> Riff_V1_RemixOptions {
      .with {
        $0.generate.prompt = self.prompt
        self.sound.change(&$0.generate, for: destination)
        self.loras.change(&$0.generate)
        if self.talk.graphics(for: destination) != nil { $0.generate.wantSpectrogram = true }
        if let model { $0.generate.model = model }
        if let negative { $0.generate.negativePrompt = negative }
        if let seed { $0.generate.seed = seed }
        if let steps { $0.generate.steps = steps }
        if let guidance { $0.generate.guidanceScale = guidance }
        if let scheduler { $0.generate.scheduler = scheduler }
        $0.fileName = FileName.last(self.clip)
        if let strength { $0.strength = strength }
        $0.span.startSeconds = self.start ?? 0
        if let duration { $0.span.durationSeconds = duration }
        $0.keep = self.keep.value
        if let to { $0.toPrompt = to }
      }
    }
  }
}
