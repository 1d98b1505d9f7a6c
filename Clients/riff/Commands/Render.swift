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
        .opus, .ogg or .wav, - for Ogg Opus on standard output. (default: standard output if it \
        is a pipe, else a file named after the picture)
        """,
        valueName: "file"))
    var output: String?
    @OptionGroup var sound: SoundFlags
    @OptionGroup var spectrogram: SpectrogramFlags
    @Option(
      help: ArgumentHelp(
        "Mel amplitude of the darkest pixel. (riffusion: 30000000)", valueName: "x"))
    var maximum: Double?
    @OptionGroup var talk: TalkFlags
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let destination = try self.sound.destination(
        path: self.output, fallback: FileName.from(path: self.image, extension: "opus"))
      if case .picture(let path) = destination {
        throw ValidationError("-o \(path): render makes sound; use .opus, .ogg or .wav")
      }
      let file = try InputFile(path: self.image)
      let options = Riff_V1_RenderOptions.with {
        $0.spectrogram = self.spectrogram.options
        $0.output = destination.outputFormat
        if let maximum { $0.spectrogram.maximum = maximum }
        if let quality = self.sound.quality { $0.quality = quality.value }
        $0.fileName = FileName.last(self.image)
        if let bitrate = self.sound.bitrate { $0.opus.bitrate = bitrate }
      }
      try await self.riff.connect(self.connection) { daemon in
        try await daemon.render(
          requestProducer: { writer in
            try await writer.write(.with { $0.options = options })
            while let piece = try file.next() {
              try await writer.write(.with { $0.chunk = piece })
            }
          },
          onResponse: { response in
            try await response.save(to: destination, quiet: self.talk.quiet)
          })
      }
    }
  }
}
