import ArgumentParser
import RiffProtocol

extension Riff {
  struct Batch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Many sounds from a file of prompts, into a folder.",
      discussion: """
        riff batch prompts.csv -d out
        riff batch prompts.jsonl -d out --count 4 --format flac --pictures
        echo '{"prompt": "church bells", "seed": 7}' | riff batch - -d out

        Each entry has a prompt and options of riff generate by their long names: {"prompt": "harp", \
        "steps": 30, "preset": "lofi"}; "name" names its file. .jsonl has an entry a line, .json a list of \
        them, .csv a line of names and an entry a line. Files of riffusion's playground, with params and \
        entries, are read, too. Paths are relative to the file. index.jsonl in the folder says what became of \
        each; the same command again makes only what is missing. Ctrl-C stops it.
        """)

    @Argument(
      help: "A .jsonl, .json or .csv file, or - for JSON lines on standard input.",
      completion: .file())
    var file: String
    @Option(
      name: [.customShort("d"), .long],
      help: ArgumentHelp(
        "The folder for the sounds and index.jsonl. Made if missing; nothing in it is replaced.",
        valueName: "folder"), completion: .directory)
    var directory: String
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Takes of each entry that does not say itself how many, with seeds that follow each other.",
        valueName: "n"),
      transform: Value.whole(1...1_000))
    var count: UInt32?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Jobs that the daemon has to choose from, 1 to 32. (default: 4)", valueName: "n"),
      transform: Value.whole(1...32))
    var jobs: UInt32?
    @Flag(help: "Write each spectrogram beside its sound.") var pictures = false
    @Option(help: "The model of entries that name none. (default: the first)") var model: String?
    @Option(
      help: ArgumentHelp("The preset of entries that name none.", valueName: "name"))
    var preset: String?
    @OptionGroup(title: "Sound files") var sound: SoundFlags
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let file = try BatchFile(path: self.file)
      let printsJSON = self.riff.printsJSON(self.connection)
      let failed = try await self.riff.connect(self.connection) { daemon in
        let models = try await daemon.listModels(Riff_V1_ListModelsRequest()).models
        let (items, warnings) = try BatchReader(
          file, common: self.common, models: models, keepsPictures: self.pictures
        ).items()
        for warning in warnings { Terminal.standardError.write("riff: warning: \(warning)\n") }
        let index = try BatchIndex(folder: self.directory)
        let rest = items.filter { !index.done.contains($0.key) }
        let before = items.count - rest.count
        if before > 0, !self.talk.quiet {
          Terminal.standardError.write(
            "riff: \(before) of \(items.count) are done already; going on with the rest\n")
        }
        let run = try BatchRun(
          rest, total: items.count, into: index, talk: self.talk, printsJSON: printsJSON)
        let (done, failed) = try await run.run(atOnce: Int(self.jobs ?? 4), daemon)
        if !self.talk.quiet {
          Terminal.standardError.write(
            "riff: \(done) made\(failed > 0 ? ", \(failed) failed" : ""); \(self.directory)/\(BatchIndex.name)\n"
          )
        }
        return failed
      }
      guard failed == 0 else {
        throw Failure(
          message: "\(failed) could not be made; the same command tries them again")
      }
    }

    /// What holds for entries that say nothing else, as options of `riff generate`.
    private var common: [String] {
      var arguments: [String] = []
      if let preset { arguments.append("--preset=\(preset)") }
      if let count { arguments.append("--count=\(count)") }
      if let model { arguments.append("--model=\(model)") }
      if let format = self.sound.format { arguments.append("--format=\(format.rawValue)") }
      if let quality = self.sound.quality { arguments.append("--quality=\(quality.rawValue)") }
      if let bitrate = self.sound.bitrate { arguments.append("--bitrate=\(bitrate)") }
      if let format = self.sound.sampleFormat {
        arguments.append("--sample-format=\(format.rawValue)")
      }
      if let fade = self.sound.fade { arguments.append("--fade=\(fade)") }
      return arguments
    }
  }
}
