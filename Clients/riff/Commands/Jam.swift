import ArgumentParser
import Dispatch
import GRPCCore
import RiffProtocol
import SwiftProtobuf

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

    @Argument(help: "What to play, in words, or several with weights: jazz 0.3 + techno 0.7.")
    var prompt: String
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
    @Option(help: "A name that “riff models” lists. (default: the first)") var model: String?
    @Option(
      parsing: .unconditional, help: ArgumentHelp("What to steer away from.", valueName: "text"))
    var negative: String?
    @Option(
      parsing: .unconditional,
      help: "Where the noise begins, a whole number from 0. (default: random)",
      transform: Value.whole(0...UInt64.max))
    var seed: UInt64?
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
    @OptionGroup var loras: LoRAFlags
    @OptionGroup var sound: SoundFlags
    @OptionGroup var talk: TalkFlags
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      guard self.output != nil || !Terminal.standardOutput.isInteractive else {
        throw Failure.usage(
          "a jam has no end: pipe it into a player (| mpv -), or name a file with -o")
      }
      let destination = try self.sound.destination(
        self.output.map { [$0] } ?? [], stem: FileName.stem(prompt: self.prompt))
      guard destination.picture == nil else {
        throw Failure.usage("-o: a jam is sound; use .opus, .ogg, .wav, .flac or .mp3")
      }
      let options = try self.options(destination)
      let output = try JobOutput(destination, talk: self.talk, keepsWhatCame: true)
      let (requests, caller) = AsyncStream.makeStream(of: Riff_V1_JamRequest.self)
      caller.yield(.with { $0.start = options })
      Self.readLines(to: caller)
      try await self.riff.connect(
        self.connection, usesStandardOutput: destination.usesStandardOutput,
        onInterrupt: { caller.yield(.with { $0.stop = Riff_V1_JamStop() }) }
      ) { daemon in
        try await output.open()
        try await daemon.jam(
          requestProducer: { writer in
            for await request in requests { try await writer.write(request) }
          },
          onResponse: { response in
            defer { caller.finish() }
            try await output.save(response)
          })
      }
    }

    private func options(_ destination: Destination) throws -> Riff_V1_JamOptions {
      try .with {
        self.sound.change(&$0.generate, for: destination)
        self.loras.change(&$0.generate)
        let prompts = try JamLine.prompts(self.prompt)
        if prompts.count == 1 {
          $0.generate.prompt = self.prompt
        } else {
          $0.prompts = prompts
        }
        if let bpm { $0.generate.bpm = bpm }
        if let model { $0.generate.model = model }
        if let negative { $0.generate.negativePrompt = negative }
        if let seed { $0.generate.seed = seed }
        if let steps { $0.generate.steps = steps }
        if let guidance { $0.generate.guidanceScale = guidance }
        if let scheduler { $0.generate.scheduler = scheduler }
        // Into a file it goes as fast as it is made.
        if case .place(let place, _) = destination.sound?.target { $0.unpaced = place.isFile }
      }
    }

    /// Reads lines on a thread of its own, as long as the process lives. The end of input only means that
    /// no more changes come.
    private static func readLines(to caller: AsyncStream<Riff_V1_JamRequest>.Continuation) {
      DispatchQueue(label: "riff.jam.lines").async {
        var id: UInt32 = 0
        while let line = readLine() {
          do {
            guard let part = try JamLine(line, id: id + 1).part else { continue }
            id += 1
            caller.yield(.with { $0.part = part })
          } catch {
            let reason = (error as? Failure)?.message ?? "\(error)"
            Terminal.standardError.write("riff: \(reason)\n")
          }
        }
      }
    }
  }
}
