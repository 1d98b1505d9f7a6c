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
  struct Spectrogram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Audio file to spectrogram picture.",
      discussion: "The picture equals riffusion's for the same file, its parameters in EXIF.")

    @Argument(
      help: """
        A WAV, FLAC, MP3, Ogg or AIFF file, whatever else ffmpeg reads where it is installed, or - \
        for standard input.
        """)
    var audio: String
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        A .png file, or - for standard output. (default: standard output if it is a pipe, else a \
        file named after the audio)
        """,
        valueName: "file"))
    var output: String?
    @OptionGroup var spectrogram: SpectrogramFlags
    @Option(
      help: ArgumentHelp("Mel bins, the rows of the picture. (riffusion: 512)", valueName: "n"))
    var bins: UInt32?
    @Option(help: ArgumentHelp("Where in the sound to begin. (default: 0)", valueName: "seconds"))
    var start: Double?
    @Option(
      help: ArgumentHelp("How much of the sound. (default: all of it)", valueName: "seconds"))
    var duration: Double?
    @OptionGroup var talk: TalkFlags
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let path =
        self.output
        ?? (Terminal.standardOutput.isInteractive
          ? FileName.from(path: self.audio, extension: "png") : "-")
      guard path == "-" || path.hasSuffix(".png") else {
        throw ValidationError("-o \(path): the spectrogram is a .png")
      }
      let file = try InputFile(path: self.audio)
      let options = Riff_V1_AnalyzeOptions.with {
        $0.spectrogram = self.spectrogram.options
        if let bins { $0.spectrogram.melBins = bins }
        if let start { $0.span.startSeconds = start }
        if let duration { $0.span.durationSeconds = duration }
        $0.fileName = FileName.last(self.audio)
      }
      let response = try await SoundUpload.send(file) { pieces in
        try await self.riff.connect(self.connection) { daemon in
          try await daemon.analyze(requestProducer: { writer in
            try await writer.write(.with { $0.options = options })
            while let piece = try pieces() {
              try await writer.write(.with { $0.chunk = piece })
            }
          })
        }
      }
      for warning in response.warnings {
        Terminal.standardError.write("riff: warning: \(warning)\n")
      }
      let png = Array(response.png)
      if path == "-" {
        try Terminal.standardOutput.write(png)
      } else {
        let output = try OutputFile(path: path)
        try output.write(png)
        try output.commit()
        if !self.talk.quiet { Terminal.standardError.write("\(path)\n") }
      }
    }
  }
}
