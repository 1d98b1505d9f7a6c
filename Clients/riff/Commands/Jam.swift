import ArgumentParser
import RiffProtocol

extension Riff {
  struct Jam: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Music that does not stop: each line of standard input changes it.",
      discussion: """
        riff jam "techno drum beat, 120 bpm" | mpv -
        riff jam "slow jazz piano" -o night.opus
        (sleep 20; echo "jazz 0.3 + techno 0.7"; sleep 20; echo /stop) | riff jam "jazz" -o jam.opus

        Lines of standard input, each heard on the next beat: \(JamLine.help)
        Ctrl-C ends it on the next beat with a fade; a second one ends it at once. A file is kept whatever \
        ends it, and is written as fast as the music is made.
        """)

    @Argument(
      help: """
        What to play, in words, or several with weights: jazz 0.3 + techno 0.7. (default: that of --like)
        """)
    var prompt: String?
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        "A file, .opus, .ogg, .wav, .flac or .mp3; - for standard output. (default: standard output)",
        valueName: "file"))
    var output: String?
    @Option(
      parsing: .unconditional,
      help: "Beats a minute, 30 to 300. (default: as the prompt says, else the music's own)",
      transform: Value.number(30...300))
    var bpm: Double?
    @Option(
      help: ArgumentHelp(
        """
        Begin as the jam in this file began; what was said to it meanwhile is not in the file. Other options \
        are changes.
        """,
        valueName: "file"))
    var like: String?
    @OptionGroup var noise: NoiseFlags
    @OptionGroup var sampler: SamplerFlags
    @OptionGroup var presets: PresetFlags
    @OptionGroup var sound: SoundFlags
    @OptionGroup var talk: TalkFlags
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func validate() throws {
      if self.prompt == nil, self.presets.presetPrompt == nil, self.like == nil {
        throw ValidationError("say in a few words what to play, or give --like a jam's file")
      }
    }

    func run() async throws {
      let made = try self.like.map { try MadeFile(path: $0) }
      var options = try made?.jam() ?? Riff_V1_JamOptions()
      try self.change(&options)
      try await JamCall(
        options: options, output: self.output, sound: self.sound, talk: self.talk,
        note: made?.jamNote
      ).run(self.riff, self.connection)
    }

    /// What the options say, in a request that may say something already.
    private func change(_ options: inout Riff_V1_JamOptions) throws {
      if let prompt = self.presets.complete(self.prompt) {
        let prompts = try JamLine.prompts(prompt)
        options.generate.prompt = prompts.count == 1 ? prompt : ""
        options.prompts = prompts.count == 1 ? [] : prompts
      }
      self.noise.change(&options.generate)
      self.sampler.change(&options.generate)
      if let bpm { options.generate.bpm = bpm }
    }
  }
}
