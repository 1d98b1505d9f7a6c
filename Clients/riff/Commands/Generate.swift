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
        riff generate --like bells.opus --seed 8 -o more-bells.opus

        As with riffusion, (word) and (word:1.3) weigh more, [word] weighs less.
        """)

    @Argument(help: "What to play, in words. (default: that of --like)") var prompt: String?
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
    @Option(
      help: ArgumentHelp(
        """
        Make a file of riff's again: the same bytes on the same machine, with the same threads and \
        version. Other options are changes to how it was made.
        """,
        valueName: "file"))
    var like: String?
    @OptionGroup var talk: TalkFlags
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let made = try self.like.map { try MadeFile(path: $0) }
      var request = try made?.request() ?? Riff_V1_GenerateRequest()
      if let prompt { request.prompt = prompt }
      let destination = try self.sound.destination(
        path: self.output,
        fallback: FileName.from(
          prompt: request.prompt, extension: made?.fileExtension ?? "opus"))
      self.change(&request, destination.outputFormat)
      if let source = try self.source ?? made?.upload() {
        try await self.remix(source, request, made, to: destination)
        return
      }
      let final = request
      try await self.riff.connect(self.connection) { daemon in
        try await daemon.generate(final) { response in
          try await response.save(
            to: destination, quiet: self.talk.quiet, like: made?.recipe)
        }
      }
    }

    func validate() throws {
      if self.prompt == nil, self.like == nil {
        throw ValidationError("say in a few words what to play, or give --like a file")
      }
      if self.strength != nil, self.source == nil, self.like == nil {
        throw ValidationError("--strength says how far --init is painted over; give both")
      }
      if self.start != nil, self.source == nil, self.like == nil {
        throw ValidationError("--start says where in --init's sound to begin; give both")
      }
    }

    private func remix(
      _ source: String, _ request: Riff_V1_GenerateRequest, _ made: MadeFile?,
      to destination: Destination
    ) async throws {
      let file = try InputFile(path: source)
      let strength = try self.strength ?? made?.strength()
      let start = try self.start ?? made?.start()
      let options = Riff_V1_RemixOptions.with {
        $0.generate = request
        $0.fileName = FileName.last(source)
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
              try await response.save(
                to: destination, quiet: self.talk.quiet, like: made?.recipe)
            })
        }
      }
    }

    /// What the options say, in a request that may say something already.
    private func change(
      _ request: inout Riff_V1_GenerateRequest, _ output: Riff_V1_OutputFormat
    ) {
      request.output = output
      request.wantSpectrogram = output == .none
      if let model { request.model = model }
      if let negative { request.negativePrompt = negative }
      if let seed { request.seed = seed }
      if let steps { request.steps = steps }
      if let guidance { request.guidanceScale = guidance }
      if let scheduler { request.scheduler = scheduler }
      if self.duration != nil || self.width != nil {
        request.clearDurationSeconds()
        request.clearWidth()
      }
      if let duration { request.durationSeconds = duration }
      if let width { request.width = width }
      if let height { request.height = height }
      if let quality = self.sound.quality { request.quality = quality.value }
      if let bitrate = self.sound.bitrate { request.opus.bitrate = bitrate }
      if let eta { request.eta = eta }
      if plainPrompt { request.promptWeighting = false }
    }
  }
}
