import ArgumentParser
import GRPCCore
import RiffProtocol
import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Riff {
  struct Morph: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One piece that turns from one prompt into another.",
      discussion: """
        riff morph "church bells" "jazz piano" -o morph.opus
        riff morph "jazz" "techno" --clips 8 --seed 4:9 --init loop.png --strength 0.5:0.8 | mpv -
        riff morph --riffusion-json input.json -o picture.png

        Clips in a row, each a share further on the way. Options with A:B say what each end has; A alone is \
        both ends'.
        """)

    @Argument(help: "What it begins with, in words.") var from: String?
    @Argument(help: "What it ends with, in words.") var to: String?
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg, .wav, .flac or .mp3, - for standard output; with --riffusion-json also .png. \
        (default: standard output if it is a pipe, else a file named after the prompts)
        """,
        valueName: "file"))
    var output: [String] = []
    @Option(
      parsing: .unconditional, help: ArgumentHelp("How many clips. (default: 5)", valueName: "n"),
      transform: Value.whole(1...1_000))
    var clips: UInt32?
    @Option(
      parsing: .unconditional,
      help: "Where the noise begins; where both ends differ it turns from one into the other.",
      transform: Ends.whole)
    var seed: Ends<UInt64>?
    @Option(
      parsing: .unconditional, help: "How far --init is painted over, 0 to 1. (default: 0.75)",
      transform: Ends.number(0...1))
    var strength: Ends<Double>?
    @Option(
      parsing: .unconditional, help: "Guidance scale, 0 to 100. (default: the model's own)",
      transform: Ends.number(0...100))
    var guidance: Ends<Double>?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Exponent of the way: above 1 it stays longer in the middle. (default: 1)", valueName: "x"),
      transform: Value.positive(atMost: 100))
    var power: Double?
    @Option(
      name: .customLong("init"),
      help: ArgumentHelp(
        "A spectrogram picture or a sound file that all clips begin from.", valueName: "file"))
    var source: String?
    @Option(
      help: ArgumentHelp(
        "A .png or .jpg: where it is black --init stays, white is painted over.", valueName: "file")
    )
    var mask: String?
    @Option(
      help: ArgumentHelp(
        """
        Paint the one picture that riffusion's server paints for an InferenceInput. Pictures are ID.png \
        beside the file, unless --init and --mask name them.
        """,
        valueName: "file"))
    var riffusionJson: String?
    @Option(help: "A name that “riff models” lists. (default: the first)") var model: String?
    @Option(
      parsing: .unconditional, help: ArgumentHelp("What to steer away from.", valueName: "text"))
    var negative: String?
    @Option(
      parsing: .unconditional, help: "Denoising steps, 1 to 1000. (default: the model's own)",
      transform: Value.whole(1...1_000))
    var steps: UInt32?
    @Option(
      parsing: .unconditional, help: ArgumentHelp("Width of a clip's picture.", valueName: "px"),
      transform: Value.whole(1...UInt32.max))
    var width: UInt32?
    @Option(help: "Sampler, as “riff models” lists them. (default: the checkpoint's own)")
    var scheduler: String?
    @OptionGroup var loras: LoRAFlags
    @OptionGroup var sound: SoundFlags
    @OptionGroup var talk: TalkFlags
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func validate() throws {
      if self.riffusionJson != nil {
        guard self.from == nil, self.seed == nil, self.clips == nil, self.power == nil,
          self.strength == nil, self.guidance == nil
        else {
          throw ValidationError(
            "--riffusion-json says prompts, seeds, strengths and guidance; give only one of them")
        }
      } else if self.to == nil {
        throw ValidationError("say what it begins with and what it ends with, or --riffusion-json")
      }
      if self.riffusionJson == nil, self.source == nil, self.strength != nil || self.mask != nil {
        throw ValidationError("--strength and --mask are about --init; give it, too")
      }
    }

    func run() async throws {
      let input = try self.riffusionJson.map { try InferenceInput(path: $0) }
      for warning in input?.warnings ?? [] {
        Terminal.standardError.write("riff: warning: \(warning)\n")
      }
      let stem = [input?.start.prompt ?? self.from, input?.end.prompt ?? self.to]
        .compactMap(\.self).joined(separator: " to ")
      let destination = try self.sound.destination(
        self.output, stem: FileName.stem(prompt: stem))
      guard destination.picture == nil || input != nil else {
        throw Failure.usage("-o: a morph of several clips is sound, not one picture")
      }
      let source = try self.source ?? input?.picture()
      let file = try source.map { try InputFile(path: $0) }
      try file.map { try destination.check(against: $0) }
      var options = self.options(destination)
      try input?.change(&options)
      if let mask = try self.mask ?? input?.mask() {
        options.mask = try InputFile(path: mask).mask()
      }
      if let source { options.fileName = FileName.last(source) }
      let output = try JobOutput(destination, talk: self.talk)
      let (request, usesStandardOutput) = (options, destination.usesStandardOutput)
      guard let file, let source else {
        return try await self.send(request, nil, output, usesStandardOutput) { nil }
      }
      try await SoundUpload.send(file) { pieces in
        try await self.send(request, source, output, usesStandardOutput, pieces)
      }
    }

    private func send(
      _ options: Riff_V1_MorphOptions, _ file: String?, _ output: JobOutput,
      _ usesStandardOutput: Bool, _ pieces: @escaping SoundUpload.Pieces
    ) async throws {
      try await self.riff.connect(
        self.connection, file: file, usesStandardOutput: usesStandardOutput
      ) { daemon in
        try await output.open()
        try await daemon.morph(
          requestProducer: { writer in
            try await writer.write(.with { $0.options = options })
            while let piece = try await pieces() {
              try await writer.write(.with { $0.chunk = piece })
            }
          },
          onResponse: { try await output.save($0) })
      }
    }

    private func options(_ destination: Destination) -> Riff_V1_MorphOptions {
      .with {
        self.sound.change(&$0.generate, for: destination)
        self.loras.change(&$0.generate)
        if let model { $0.generate.model = model }
        if let negative { $0.generate.negativePrompt = negative }
        if let steps { $0.generate.steps = steps }
        if let width { $0.generate.width = width }
        if let scheduler { $0.generate.scheduler = scheduler }
        $0.from.prompt = self.from ?? ""
        $0.to.prompt = self.to ?? ""
        if let seed { ($0.from.seed, $0.to.seed) = (seed.from, seed.to) }
        if let guidance {
          ($0.from.guidanceScale, $0.to.guidanceScale) = (Float(guidance.from), Float(guidance.to))
        }
        if let strength { ($0.from.strength, $0.to.strength) = (strength.from, strength.to) }
        if let clips { $0.clips = clips }
        if let power { $0.power = power }
      }
    }
  }
}
