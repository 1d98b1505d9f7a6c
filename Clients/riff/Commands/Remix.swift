import ArgumentParser
import RiffProtocol
import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Riff {
  struct Remix: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A clip of yours, the whole of it, painted over by what a prompt says.",
      discussion: """
        riff remix song.mp3 "gospel choir" -o choir.opus
        riff remix loop.wav "flute" --strength 0.4 | mpv -
        riff remix song.mp3 "violin" --to "techno" --start 30 --duration 60 -o half.opus
        riff remix loop.wav "jazz piano" --keep-below 200 --keep-beats x--- -o mixed.wav
        riff remix songs "gospel choir" -o choirs

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

    @Argument(
      help: "The clip, a folder of clips, or - for standard input. (default: that of --like)",
      completion: .file())
    var clip: String?
    @Argument(help: "What it is to become, in words. (default: that of --like)")
    var prompt: String?
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg, .wav, .flac or .mp3, - for standard output; of a folder's clips, a folder, in which \
        nothing is replaced. (default: standard output if it is a pipe, else a file named after the prompt)
        """,
        valueName: "file"))
    var output: String?
    @Option(help: "How far the clip is painted over, 0 to 1. (default: the model's own)")
    var strength: Double?
    @Option(help: "What of the clip stays: groove or nothing. (default: groove)") var keep: Keep?
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
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Keep what lies below a frequency.", valueName: "hz"),
      transform: Value.positive())
    var keepBelow: Double?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Keep what lies above a frequency.", valueName: "hz"),
      transform: Value.positive())
    var keepAbove: Double?
    @Option(
      parsing: .unconditionalSingleValue,
      help: ArgumentHelp(
        "Keep a time of the result, in seconds: 2-4.5, or 2- to the end; may be given again.",
        valueName: "a-b"),
      transform: TimeSpan.read)
    var keepTime: [TimeSpan] = []
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Keep beats: x for one that stays, - for one painted over, again and again, such as x---.",
        valueName: "pattern"))
    var keepBeats: String?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Bring the clip to a tempo before, pitch unchanged; 30 to 300.", valueName: "bpm"),
      transform: Value.number(30...300))
    var stretchTo: Double?
    @Option(
      help: ArgumentHelp(
        """
        Make a remix again: the same bytes on the same machine, with the same threads and version. Other \
        options are changes; an argument alone is the clip if a file has that name, else the prompt.
        """,
        valueName: "file"))
    var like: String?
    @OptionGroup var noise: NoiseFlags
    @OptionGroup var sampler: SamplerFlags
    @OptionGroup var presets: PresetFlags
    @OptionGroup(title: "Sound files") var sound: SoundFlags
    @OptionGroup(title: "While it is made") var play: PlayFlags
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func validate() throws {
      guard self.like == nil else { return }
      if self.clip == nil {
        throw ValidationError("name the clip, and say in a few words what it is to become")
      }
      if self.prompt == nil, self.presets.presetPrompt == nil {
        throw ValidationError("say in a few words what the clip is to become")
      }
    }

    func run() async throws {
      let made = try self.like.map { try MadeFile(path: $0) }
      let (clip, words) = self.clipAndPrompt
      let prompt = self.presets.complete(words)
      var options: Riff_V1_RemixOptions
      switch try made?.request() {
      case nil: options = Riff_V1_RemixOptions.with { $0.span.startSeconds = 0 }
      case .remix(let before): options = before
      case .generate, .morph, .render:
        throw Failure(
          message: "\(made?.path ?? "") is not a remix; riff generate --like makes it again")
      }
      if let prompt { options.generate.prompt = prompt }
      if let clip, let folder = try InputFolder(path: clip) {
        return try await self.remix(folder, options)
      }
      guard let source = try clip ?? made?.upload(askedFor: "as the first argument") else {
        throw Failure.usage("name the clip")
      }
      let destination = try self.sound.destination(
        self.output.map { [$0] } ?? [], stem: FileName.stem(prompt: options.generate.prompt),
        usual: made.flatMap { MediaFormat(rawValue: $0.fileExtension) } ?? .opus)
      guard destination.picture == nil else {
        throw Failure.usage("-o: a remix is sound; use .opus, .ogg, .wav, .flac or .mp3")
      }
      let file = try InputFile(path: source)
      try destination.check(against: file)
      let output = try JobOutput(
        destination, talk: self.talk, like: made?.recipe,
        player: try self.play.player(
          for: destination, paths: self.output.map { [$0] } ?? [], takes: 1))
      self.change(&options, destination)
      var request = JobRequest.remix(options)
      try request.name(upload: source, like: made)
      try await self.riff.make(
        request, from: file, named: source, to: destination, output, self.connection)
    }

    /// Remixes each sound of a folder.
    private func remix(_ folder: InputFolder, _ options: Riff_V1_RemixOptions) async throws {
      guard self.like == nil else {
        throw Failure.usage("--like makes one file again; \(folder.path) is a folder")
      }
      // Checks the options, before anything is made.
      let format = try self.sound.destination(["/dev/null"], stem: "riff").format
      try await folder.each(into: self.output, quiet: self.talk.quiet) { file, base in
        let destination = Destination(free: base, format)
        var options = options
        self.change(&options, destination)
        options.fileName = FileName.last(file)
        try await self.riff.make(
          .remix(options), from: try InputFile(path: file), named: file, to: destination,
          try JobOutput(destination, talk: self.talk), self.connection)
      }
    }

    /// With `--like`, one argument alone may be either.
    private var clipAndPrompt: (clip: String?, prompt: String?) {
      guard self.like != nil, self.prompt == nil, let word = self.clip, word != "-",
        !FileManager.default.fileExists(atPath: word)
      else { return (self.clip, self.prompt) }
      return (nil, word)
    }

    /// What the options say, in a request that may say something already.
    private func change(_ options: inout Riff_V1_RemixOptions, _ destination: Destination) {
      self.sound.change(&options.generate, for: destination)
      self.noise.change(&options.generate)
      self.sampler.change(&options.generate)
      if let strength { options.strength = strength }
      if let start { options.begin(at: start) }
      if let duration { options.last(duration) }
      if let keep { options.keep = keep.value }
      if let to { options.toPrompt = to }
      if let keepBelow { options.keepBelowHz = keepBelow }
      if let keepAbove { options.keepAboveHz = keepAbove }
      if !self.keepTime.isEmpty {
        options.keepTime = self.keepTime.map { time in
          .with {
            $0.startSeconds = time.start
            if let end = time.end { $0.durationSeconds = end - time.start }
          }
        }
      }
      if let keepBeats { options.keepBeats = keepBeats }
      if let stretchTo { options.stretchToBpm = stretchTo }
    }
  }
}
