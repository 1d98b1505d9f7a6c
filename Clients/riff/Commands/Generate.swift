import ArgumentParser
import RiffProtocol
import SwiftProtobuf

extension Riff {
  struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Text to sound, from noise or from a clip or picture of yours.",
      discussion: """
        riff generate "funk bassline with a jazzy saxophone solo" | mpv -
        riff generate "church bells" -o bells.opus --duration 10 --seed 7
        riff generate "gospel choir" --init song.mp3 --strength 0.6 -o choir.opus
        riff generate --like bells.opus --seed 8 -o more-bells.opus
        riff generate "techno drum beat" --loop --bpm 120 --bars 2 -o loop.wav

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
        "Length of the sound, up to an hour. (default: the model's own, 5.12 for riff-mini)",
        valueName: "seconds"),
      transform: Value.positive())
    var duration: Double?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Make several takes with seeds that follow each other, in numbered files. (default: 1)",
        valueName: "n"),
      transform: Value.whole(1...1_000))
    var count: Int?
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
        Beats a minute, 30 to 300, as if the prompt named them: of --bars, and of the windows of a long piece, \
        which begin on a beat. (default: as the prompt says, else the music's own)
        """,
      transform: Value.number(30...300))
    var bpm: Double?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Length in bars of four beats of --bpm, exact to the sample, up to an hour, instead of a duration.",
        valueName: "n"),
      transform: Value.whole(1...4_500))
    var bars: UInt32?
    @Flag(help: "Make a piece that can be repeated without a seam.") var loop = false
    @OptionGroup var noise: NoiseFlags
    @OptionGroup var sampler: SamplerFlags
    @OptionGroup var presets: PresetFlags
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
        Make a file of riff's again, whichever command made it: the same bytes on the same machine, with \
        the same threads and version. Other options are changes. A jam is begun anew.
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
      if let made, made.isJam { return try await self.jam(made) }
      var (request, source) = try self.job(made)
      let takes = self.count ?? 1
      let destination = try self.sound.destination(
        self.output, stem: request.stem(source: source),
        usual: made.flatMap { MediaFormat(rawValue: $0.fileExtension) } ?? .opus, takes: takes)
      try self.change(&request, for: destination)
      if takes > 1 { try request.fixSeed(takes: takes) }
      let file = try source.map { try InputFile(path: $0) }
      try file.map { try destination.check(against: $0) }
      if let source { try request.name(upload: source, like: made) }
      // What cannot be written to is told before anything is made.
      let player = try self.play.player(for: destination, paths: self.output, takes: takes)
      let first = try JobOutput(
        destination, talk: self.talk, like: made?.recipe, player: player)
      for take in 0..<takes {
        let output =
          take == 0
          ? first
          : try JobOutput(
            destination, take: take, talk: self.talk, like: made?.recipe, player: player)
        try await self.riff.make(
          request.take(take),
          from: take == 0 ? file : file.map { try InputFile(path: $0.readablePath()) },
          named: source, to: destination, output, self.connection)
      }
    }

    /// The request, but for how its sound is written, and what is uploaded.
    ///
    /// - Parameter made: What `--like` names.
    /// - Throws: ``Failure``.
    func job(_ made: MadeFile?) throws -> (JobRequest, source: String?) {
      var request = try made?.request(mask: self.mask) ?? .generate(Riff_V1_GenerateRequest())
      try self.change(&request)
      return (request, try self.source ?? made?.upload(askedFor: "with --init"))
    }

    /// The same request with its sound as the options say it, as a file of `format`.
    func soundAlone(_ request: JobRequest, format: MediaFormat) throws -> JobRequest {
      // Checks the options against the format as well.
      let destination = try self.sound.destination(
        ["/dev/null"], stem: "riff", usual: format)
      var request = request
      request.change { self.sound.change(&$0, for: destination) }
      return request
    }

    /// Begins a jam as another one began.
    private func jam(_ made: MadeFile) async throws {
      var options = try made.jam()
      try self.refuse(
        "a jam, which has no end",
        [
          ("--duration", self.duration != nil), ("--width", self.width != nil),
          ("--count", self.count != nil), ("--init", self.source != nil),
          ("--strength", self.strength != nil), ("--start", self.start != nil),
          ("--mask", self.mask != nil),
        ])
      self.changeSettings(&options.generate)
      if let prompt {
        let prompts = try JamLine.prompts(prompt)
        options.generate.prompt = prompts.count == 1 ? prompt : ""
        options.prompts = prompts.count == 1 ? [] : prompts
      }
      guard self.output.count <= 1 else { throw Failure.usage("-o: a jam is one sound") }
      try await JamCall(
        options: options, output: self.output.first, sound: self.sound, talk: self.talk,
        note: made.jamNote
      ).run(self.riff, self.connection)
    }

    func validate() throws {
      if self.prompt == nil, self.presets.presetPrompt == nil, self.like == nil {
        throw ValidationError("say in a few words what to play, or give --like a file")
      }
      if let prompt, !prompt.contains(where: { !$0.isWhitespace }) {
        throw ValidationError("the prompt is empty; say in a few words what to play")
      }
      if self.duration != nil, self.width != nil {
        throw ValidationError("--duration and --width both say how long the sound is; give one")
      }
      if self.bars != nil, self.duration != nil || self.width != nil {
        throw ValidationError("--bars says how long the sound is; give it alone")
      }
      if self.bars != nil, self.bpm == nil, self.like == nil {
        throw ValidationError("--bars needs --bpm: without a tempo a bar has no length")
      }
      if self.bars != nil, self.source != nil {
        throw ValidationError("--bars is for sound from words; --init has a length of its own")
      }
      if self.loop, let fade = self.sound.fade, fade > 0 {
        throw ValidationError("--fade and --loop exclude each other: a loop has no ends")
      }
      if self.strength != nil, self.source == nil, self.like == nil {
        throw ValidationError("--strength says how far --init is painted over; give both")
      }
      if self.start != nil, self.source == nil, self.like == nil {
        throw ValidationError("--start says where in --init's sound to begin; give both")
      }
      if self.mask != nil, self.source == nil, self.like == nil {
        throw ValidationError("--mask says what of --init stays; give both")
      }
    }

    /// What the options say, in a request that may say something already: but for how sound is written.
    private func change(_ request: inout JobRequest) throws {
      if self.source != nil, case .generate(let generate) = request {
        request = .remix(.with { $0.generate = generate })
      }
      request.change { self.changeSettings(&$0) }
      switch request {
      case .generate(var generate):
        if let width { generate.width = width }
        if self.width != nil { generate.clearDurationSeconds() }
        if let duration { generate.durationSeconds = duration }
        if self.duration != nil { generate.clearWidth() }
        if self.bars != nil {
          generate.clearDurationSeconds()
          generate.clearWidth()
        } else if self.duration != nil || self.width != nil {
          generate.clearBars()
        }
        request = .generate(generate)
        try self.refuse(
          "a sound that was made from words alone: give --init, too",
          [
            ("--strength", self.strength != nil), ("--start", self.start != nil),
            ("--mask", self.mask != nil),
          ])
      case .remix(var options):
        if let strength { options.strength = strength }
        if let start { options.begin(at: start) }
        if let width { options.generate.width = width }
        if self.width != nil { options.generate.clearDurationSeconds() }
        if let duration { options.last(duration) }
        if let mask { options.mask = try InputFile(path: mask).mask() }
        request = .remix(options)
      case .morph(var options):
        try self.refuse(
          "a morph; riff morph --like has an option for each of its ends",
          [
            ("a prompt", self.prompt != nil), ("--duration", self.duration != nil),
            ("--start", self.start != nil), ("--bars", self.bars != nil), ("--loop", self.loop),
          ])
        if let seed = self.noise.seed { (options.from.seed, options.to.seed) = (seed, seed) }
        if let guidance = self.noise.guidance {
          (options.from.guidanceScale, options.to.guidanceScale) = (guidance, guidance)
        }
        if let strength { (options.from.strength, options.to.strength) = (strength, strength) }
        if let width { options.generate.width = width }
        if let mask { options.mask = try InputFile(path: mask).mask() }
        request = .morph(options)
      case .render:
        try self.refuse(
          "a picture that was rendered",
          [
            ("a prompt", self.prompt != nil), ("--duration", self.duration != nil),
            ("--seed", self.noise.seed != nil), ("--model", self.sampler.model != nil),
            ("--negative", self.sampler.negative != nil), ("--steps", self.sampler.steps != nil),
            ("--guidance", self.noise.guidance != nil),
            ("--scheduler", self.sampler.scheduler != nil),
            ("--guidance-interval", self.sampler.stepFlags.guidanceInterval != nil),
            ("--deep-cache", self.sampler.stepFlags.deepCache != nil),
            ("--width", self.width != nil), ("--height", self.height != nil),
            ("--bpm", self.bpm != nil), ("--eta", self.eta != nil),
            ("--strength", self.strength != nil), ("--start", self.start != nil),
            ("--mask", self.mask != nil), ("--bars", self.bars != nil), ("--loop", self.loop),
          ])
      }
    }

    /// How sound is written.
    ///
    /// - Throws: ``Failure`` where the destination is for another kind of job.
    private func change(_ request: inout JobRequest, for destination: Destination) throws {
      if destination.picture != nil, let why = request.isSoundOnly {
        throw Failure.usage("-o: \(why); use .opus, .ogg, .wav, .flac or .mp3")
      }
      request.change { self.sound.change(&$0, for: destination) }
      if case .render(var options) = request {
        self.sound.change(&options, for: destination)
        request = .render(options)
      }
    }

    /// - Throws: ``Failure`` that names the options that `kind` does not have.
    private func refuse(_ kind: String, _ options: [(name: String, isGiven: Bool)]) throws {
      let given = options.filter(\.isGiven).map(\.name)
      guard given.isEmpty else {
        throw Failure.usage("\(given.joined(separator: ", ")) cannot change \(kind)")
      }
    }

    /// What the options say of what is painted, in a request that may say something already.
    private func changeSettings(_ request: inout Riff_V1_GenerateRequest) {
      if let prompt = self.presets.complete(self.prompt) { request.prompt = prompt }
      self.noise.change(&request)
      self.sampler.change(&request)
      if let bars { request.bars = bars }
      if loop { request.loop = true }
      if let height { request.height = height }
      if let bpm { request.bpm = bpm }
      if let eta { request.eta = eta }
      if plainPrompt { request.promptWeighting = false }
    }
  }
}
