import ArgumentParser
import GRPCCore
import SwiftProtobuf
import RiffProtocol

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Riff {
  struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Text to sound, from noise or from a clip or picture of yours.",
      discussion: """
        riff generate "funk bassline with a jazzy saxophone solo" | mpv -
        riff generate "church bells" -o bells.opus --duration 10 --seed 7
        riff generate "gospel choir" --init song.mp3 --strength 0.6 -o choir.opus

        As with riffusion, (word) and (word:1.3) weigh more, [word] weighs less.
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
    @OptionGroup var sound: SoundFlags
    @Option(help: "Noise that DDIM puts back at each step, 0 to 1. (default: 0)")
    var eta: Double?
    @Flag(help: "Take brackets in the prompts as plain text, and cut long ones.")
    var plainPrompt = false
    @Option(
      name: .customLong("init"),
      help: ArgumentHelp(
        "A .png or .jpg spectrogram or an audio file to begin from, or - for standard input.",
        valueName: "file"))
    var source: String?
    @Option(help: "How far --init is painted over, 0 to 1. (default: 0.75)")
    var strength: Double?
    @Option(
      help: ArgumentHelp(
        "Where in --init's sound to begin. (default: 0)", valueName: "seconds"))
    var start: Double?
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let destination = try self.sound.destination(
        path: self.output, fallback: FileName.from(prompt: self.prompt, extension: "opus"))
      let request = self.request(destination.outputFormat)
      if let source {
        try await self.remix(InputFile(path: source), request, to: destination)
        return
      }
      try await self.riff.connect(self.connection) { daemon in
        try await daemon.generate(request) { response in
          try await response.save(to: destination)
        }
      }
    }

    func validate() throws {
      if self.strength != nil, self.source == nil {
        throw ValidationError("--strength says how far --init is painted over; give both")
      }
      if self.start != nil, self.source == nil {
        throw ValidationError("--start says where in --init's sound to begin; give both")
      }
    }

    private func remix(
      _ file: InputFile, _ request: Riff_V1_GenerateRequest, to destination: Destination
    ) async throws {
      let options = Riff_V1_RemixOptions.with {
        $0.generate = request
        if let strength { $0.strength = strength }
        if let start { $0.startSeconds = start }
      }
      try await SoundUpload.send(file) { pieces in
        try await self.riff.connect(self.connection) { daemon in
          try await daemon.remix(
            requestProducer: { writer in
              try await writer.write(.with { $0.options = options })
              while let piece = try pieces() {
                try await writer.write(.with { $0.chunk = piece })
              }
            },
            onResponse: { response in
              try await response.save(to: destination)
            })
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
        $0.quality = self.sound.quality.value
        if let bitrate = self.sound.bitrate { $0.opus.bitrate = bitrate }
        if let eta { $0.eta = eta }
        if plainPrompt { $0.promptWeighting = false }
      }
    }
  }
}
