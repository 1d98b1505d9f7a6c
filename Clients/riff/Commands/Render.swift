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
  struct Render: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Spectrogram picture to sound.",
      discussion: """
        Any picture plays: rows are mel bins with the highest on top, columns are time, black is \
        loud. Parameters come from the picture's EXIF; without any, riffusion's are taken.
        """)

    @Argument(help: "A PNG or JPEG file, or - for standard input.") var image: String
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

    func run() async throws {
      let destination = try self.sound.destination(
        self.output.map { [$0] } ?? [], stem: FileName.stem(path: self.image))
      guard destination.picture == nil else {
        throw Failure.usage("-o: render makes sound; use .opus, .ogg, .wav, .flac or .mp3")
      }
      let file = try InputFile(path: self.image)
      try destination.check(against: file)
      let output = try JobOutput(
        destination, talk: self.talk,
        player: try self.play.player(
          for: destination, paths: self.output.map { [$0] } ?? [], takes: 1))
      var options = Riff_V1_RenderOptions()
      options.spectrogram = self.spectrogram.options
      if let maximum { options.spectrogram.maximum = maximum }
      options.fileName = FileName.last(self.image)
      self.sound.change(&options, for: destination)
      let fixed = options
      try await self.riff.connect(
        self.connection, file: self.image, usesStandardOutput: destination.usesStandardOutput
      ) { daemon in
        try await output.open()
        try await daemon.render(
          requestProducer: { writer in
            try await writer.write(.with { $0.options = fixed })
            while let piece = try await file.nextPiece() {
              try await writer.write(.with { $0.chunk = piece })
            }
          },
          onResponse: { try await output.save($0) })
      }
    }
  }
}
