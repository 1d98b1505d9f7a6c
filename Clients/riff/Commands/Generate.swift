import ArgumentParser
import GRPCCore
import SwiftProtobuf
import RiffProtocol

extension Riff {
  struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Text to sound.",
      discussion: """
        riff generate "funk bassline with a jazzy saxophone solo" | mpv -
        riff generate "church bells" -o bells.opus --duration 10 --seed 7
        """)

    @Argument(help: "What to play, in words.") var prompt: String
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg or .wav for sound, .png for the spectrogram, - for Ogg Opus on standard \
        output. (default: standard output if it is a pipe, else a file named after the prompt)
        """,
        valueName: "file"))
    var output: String?
    @Option(help: "A name that “riff models” lists. (default: the first)") var model: String?
    @Option(help: ArgumentHelp("What to steer away from.", valueName: "text"))
    var negative: String?
    @Option(help: "Where the noise begins; the same seed, the same picture. (default: random)")
    var seed: UInt64?
    @Option(help: "Denoising steps, 1 to 1000. (default: the model's own)") var steps: UInt32?
    @Option(help: "Guidance scale, 0 to 100. (default: the model's own)") var guidance: Float?
    @Option(help: "Sampler, as “riff models” lists them. (default: the checkpoint's own)")
    var scheduler: String?
    @Option(
      help: ArgumentHelp("Length of the sound. (default: the model's own)", valueName: "seconds"))
    var duration: Double?
    @Option(help: ArgumentHelp("Width of the picture, instead of a duration.", valueName: "px"))
    var width: UInt32?
    @Option(help: ArgumentHelp("Height of the picture.", valueName: "px")) var height: UInt32?
    @Option(help: ArgumentHelp("Opus bit rate, 6000 to 510000.", valueName: "bit/s"))
    var bitrate: UInt32?
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let destination = try Destination(
        path: self.output, fallback: FileName.from(prompt: self.prompt, extension: "opus"))
      let request = self.request(destination.outputFormat)
      try await self.riff.connect(self.connection) { daemon in
        try await daemon.generate(request) { response in
          try await response.save(to: destination)
        }
      }
    }

    private func request(_ output: Riff_V1_OutputFormat) -> Riff_V1_GenerateRequest {
      .with {
        $0.prompt = self.prompt
        $0.output = output
        $0.wantSpectrogram = output == .none
        if let model { $0.model = model }
        if let negative { $0.negativePrompt = negative }
        if let seed { $0.seed = seed }
        if let steps { $0.steps = steps }
        if let guidance { $0.guidanceScale = guidance }
        if let scheduler { $0.scheduler = scheduler }
        if let duration { $0.durationSeconds = duration }
        if let width { $0.width = width }
        if let height { $0.height = height }
        if let bitrate { $0.opus.bitrate = bitrate }
      }
    }
  }
}
