import ArgumentParser
import RiffProtocol
import SwiftProtobuf

extension Riff {
  struct Extend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A clip of yours that goes on, behind its end or before its beginning.",
      discussion: """
        riff extend song.mp3 "gospel choir" --seconds 20 -o longer.opus
        riff extend loop.wav "techno drum beat" --seconds 8 --before | mpv -

        The clip itself stays as it is, but for 60 ms where the two meet; what is added is as loud as the \
        clip there. With --before nothing is heard until all of the lead-in is painted, unless that lasts more \
        than 80 seconds or so.
        """)

    @Argument(help: "The clip, or - for standard input.", completion: .file()) var clip: String
    @Argument(help: "What it goes on as, in words.") var prompt: String
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("How much is added, up to an hour.", valueName: "seconds"),
      transform: Value.positive(atMost: 3_600))
    var seconds: Double
    @Flag(help: "Add a lead-in before the clip.") var before = false
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg, .wav, .flac or .mp3, - for Ogg Opus on standard output. (default: standard output \
        if it is a pipe, else a file named after the prompt)
        """,
        valueName: "file"))
    var output: String?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Where in the clip to begin. (default: 0)", valueName: "seconds"),
      transform: Value.number(0...1e9))
    var start: Double?
    @Option(
      parsing: .unconditional,
      help: "Beats a minute, 30 to 300. (default: as the prompt says, else the clip's own)",
      transform: Value.number(30...300))
    var bpm: Double?
    @OptionGroup var noise: NoiseFlags
    @OptionGroup var sampler: SamplerFlags
    @OptionGroup var presets: PresetFlags
    @OptionGroup(title: "Sound files") var sound: SoundFlags
    @OptionGroup(title: "While it is made") var play: PlayFlags
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let destination = try self.sound.destination(
        self.output.map { [$0] } ?? [], stem: FileName.stem(prompt: self.prompt))
      guard destination.picture == nil else {
        throw Failure.usage(
          "-o: a clip that goes on is sound; use .opus, .ogg, .wav, .flac or .mp3")
      }
      let file = try InputFile(path: self.clip)
      try destination.check(against: file)
      let output = try JobOutput(
        destination, talk: self.talk,
        player: try self.play.player(
          for: destination, paths: self.output.map { [$0] } ?? [], takes: 1))
      try await self.riff.make(
        .remix(self.options(destination)), from: file, named: self.clip, to: destination, output,
        self.connection)
    }

    private func options(_ destination: Destination) -> Riff_V1_RemixOptions {
      .with {
        $0.generate.prompt = self.presets.complete(self.prompt) ?? self.prompt
        self.noise.change(&$0.generate)
        self.sampler.change(&$0.generate)
        self.sound.change(&$0.generate, for: destination)
        if let bpm { $0.generate.bpm = bpm }
        $0.fileName = FileName.last(self.clip)
        $0.span.startSeconds = self.start ?? 0
        $0.extendSeconds = self.seconds
        $0.extendBefore = self.before
      }
    }
  }
}
