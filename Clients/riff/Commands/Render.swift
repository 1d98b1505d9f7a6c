import ArgumentParser
import RiffProtocol

extension Riff {
  struct Render: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Spectrogram picture to sound.",
      discussion: """
        riff render beat.png -o beat.wav --quality best
        riff render scan.jpg --step 20 --max-frequency 8000 | mpv -
        riff render --like beat.wav --quality draft -o rough.opus

        Any picture plays: rows are mel bins with the highest on top, columns are time, black is \
        loud. Parameters come from the picture's EXIF; without any, riffusion's are taken.
        """)

    @Argument(help: "A PNG or JPEG file, or - for standard input. (default: that of --like)")
    var image: String?
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg, .wav, .flac or .mp3, - for standard output. A file of that name is replaced. \
        (default: standard output if it is a pipe, else a file named after the picture that replaces \
        none)
        """,
        valueName: "file"))
    var output: String?
    @Option(
      help: ArgumentHelp(
        """
        Render again what a file was rendered from: the same bytes on the same machine, with the same \
        threads and version. Other options are changes.
        """,
        valueName: "file"))
    var like: String?
    @OptionGroup(title: "Sound files") var sound: SoundFlags
    @OptionGroup(title: "How the picture maps to sound") var spectrogram: SpectrogramFlags
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Mel amplitude of the darkest pixel, above 0. (riffusion: 30000000)", valueName: "x"),
      transform: Value.positive(atMost: 1e12))
    var maximum: Double?
    @OptionGroup(title: "While it is made") var play: PlayFlags
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func validate() throws {
      if self.image == nil, self.like == nil {
        throw ValidationError("name the picture, or give --like a rendered file")
      }
    }

    func run() async throws {
      let made = try self.like.map { try MadeFile(path: $0) }
      var options: Riff_V1_RenderOptions
      switch try made?.request() {
      case nil: options = Riff_V1_RenderOptions()
      case .render(let before): options = before
      case .generate, .morph, .remix:
        throw Failure(
          message: "\(made?.path ?? "") was not rendered; riff generate --like makes it again")
      }
      guard let source = try self.image ?? made?.upload(askedFor: "as the first argument") else {
        throw Failure.usage("name the picture")
      }
      let destination = try self.sound.destination(
        self.output.map { [$0] } ?? [], stem: FileName.stem(path: source),
        usual: made.flatMap { MediaFormat(rawValue: $0.fileExtension) } ?? .opus)
      guard destination.picture == nil else {
        throw Failure.usage("-o: render makes sound; use .opus, .ogg, .wav, .flac or .mp3")
      }
      let file = try InputFile(path: source)
      try destination.check(against: file)
      let output = try JobOutput(
        destination, talk: self.talk, like: made?.recipe,
        player: try self.play.player(
          for: destination, paths: self.output.map { [$0] } ?? [], takes: 1))
      self.spectrogram.change(&options.spectrogram)
      if let maximum { options.spectrogram.maximum = maximum }
      self.sound.change(&options, for: destination)
      var request = JobRequest.render(options)
      try request.name(upload: source, like: made)
      try await self.riff.make(
        request, from: file, named: source, to: destination, output, self.connection)
    }
  }
}
