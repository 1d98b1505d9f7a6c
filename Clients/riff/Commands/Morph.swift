import ArgumentParser
import RiffProtocol

extension Riff {
  struct Morph: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One piece that turns from one prompt into another.",
      discussion: """
        riff morph "church bells" "jazz piano" -o morph.opus
        riff morph "jazz" "techno" --clips 8 --seed 4:9 --init loop.png --strength 0.5:0.8 | mpv -
        riff morph --riffusion-json input.json -o picture.png

        Clips in a row, each a share further on the way. Options with A:B say what each end has; A alone is \
        both ends'.
        """)

    @Argument(help: "What it begins with, in words.") var from: String?
    @Argument(help: "What it ends with, in words.") var to: String?
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg, .wav, .flac or .mp3, - for standard output; with --riffusion-json also .png. \
        (default: standard output if it is a pipe, else a file named after the prompts)
        """,
        valueName: "file"))
    var output: [String] = []
    @Option(
      parsing: .unconditional, help: ArgumentHelp("How many clips. (default: 5)", valueName: "n"),
      transform: Value.whole(1...1_000))
    var clips: UInt32?
    @Option(
      parsing: .unconditional,
      help: "Where the noise begins; where both ends differ it turns from one into the other.",
      transform: Ends.whole)
    var seed: Ends<UInt64>?
    @Option(
      parsing: .unconditional, help: "How far --init is painted over, 0 to 1. (default: 0.75)",
      transform: Ends.number(0...1))
    var strength: Ends<Double>?
    @Option(
      parsing: .unconditional, help: "Guidance scale, 0 to 100. (default: the model's own)",
      transform: Ends.number(0...100))
    var guidance: Ends<Double>?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Exponent of the way: above 1 it stays longer in the middle. (default: 1)", valueName: "x"),
      transform: Value.positive(atMost: 100))
    var power: Double?
    @Option(
      name: .customLong("init"),
      help: ArgumentHelp(
        "A spectrogram picture or a sound file that all clips begin from.", valueName: "file"))
    var source: String?
    @Option(
      help: ArgumentHelp(
        "A .png or .jpg: where it is black --init stays, white is painted over.", valueName: "file")
    )
    var mask: String?
    @Option(
      help: ArgumentHelp(
        """
        Paint the one picture that riffusion's server paints for an InferenceInput. Pictures are ID.png \
        beside the file, unless --init and --mask name them.
        """,
        valueName: "file"))
    var riffusionJson: String?
    @Option(
      parsing: .unconditional, help: ArgumentHelp("Width of a clip's picture.", valueName: "px"),
      transform: Value.whole(1...UInt32.max))
    var width: UInt32?
    @Option(
      help: ArgumentHelp(
        """
        Make a morph again: the same bytes on the same machine, with the same threads and version. Other \
        options are changes.
        """,
        valueName: "file"))
    var like: String?
    @OptionGroup var sampler: SamplerFlags
    @OptionGroup var presets: PresetFlags
    @OptionGroup var sound: SoundFlags
    @OptionGroup var talk: TalkFlags
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func validate() throws {
      if self.riffusionJson != nil {
        guard self.from == nil, self.seed == nil, self.clips == nil, self.power == nil,
          self.strength == nil, self.guidance == nil, self.like == nil
        else {
          throw ValidationError(
            "--riffusion-json says prompts, seeds, strengths and guidance; give only one of them")
        }
      } else if self.to == nil, self.like == nil || self.from != nil {
        throw ValidationError(
          "say what it begins with and what it ends with, or give --like or --riffusion-json")
      }
      if self.riffusionJson == nil, self.source == nil, self.like == nil,
        self.strength != nil || self.mask != nil
      {
        throw ValidationError("--strength and --mask are about --init; give it, too")
      }
    }

    func run() async throws {
      let input = try self.riffusionJson.map { try InferenceInput(path: $0) }
      for warning in input?.warnings ?? [] {
        Terminal.standardError.write("riff: warning: \(warning)\n")
      }
      let made = try self.like.map { try MadeFile(path: $0) }
      var options: Riff_V1_MorphOptions
      switch try made?.request(mask: self.mask) {
      case nil: options = Riff_V1_MorphOptions()
      case .morph(let before): options = before
      case .generate, .remix, .render:
        throw Failure(
          message: "\(made?.path ?? "") is not a morph; riff generate --like makes it again")
      }
      self.change(&options)
      try input?.change(&options)
      let source = try self.source ?? input?.picture() ?? made?.upload(askedFor: "with --init")
      if let mask = try self.mask ?? input?.mask() {
        options.mask = try InputFile(path: mask).mask()
      }
      let destination = try self.sound.destination(
        self.output, stem: JobRequest.morph(options).stem(source: source),
        usual: made.flatMap { MediaFormat(rawValue: $0.fileExtension) } ?? .opus)
      if destination.picture != nil, let why = JobRequest.morph(options).isSoundOnly {
        throw Failure.usage("-o: \(why)")
      }
      self.sound.change(&options.generate, for: destination)
      let file = try source.map { try InputFile(path: $0) }
      try file.map { try destination.check(against: $0) }
      let output = try JobOutput(destination, talk: self.talk, like: made?.recipe)
      var request = JobRequest.morph(options)
      if let source { try request.name(upload: source, like: made) }
      try await self.riff.make(
        request, from: file, named: source, to: destination, output, self.connection)
    }

    /// What the options say, in a request that may say something already.
    private func change(_ options: inout Riff_V1_MorphOptions) {
      self.sampler.change(&options.generate)
      if let width { options.generate.width = width }
      if let from { options.from.prompt = from }
      if let to { options.to.prompt = to }
      if let seed { (options.from.seed, options.to.seed) = (seed.from, seed.to) }
      if let guidance {
        options.from.guidanceScale = Float(guidance.from)
        options.to.guidanceScale = Float(guidance.to)
      }
      if let strength {
        (options.from.strength, options.to.strength) = (strength.from, strength.to)
      }
      if let clips { options.clips = clips }
      if let power { options.power = power }
    }
  }
}
