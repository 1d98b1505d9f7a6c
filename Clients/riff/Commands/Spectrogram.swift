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
        A .png file, or - for standard output. A file of that name is replaced. (default: standard \
        output if it is a pipe, else a file named after the audio that replaces none)
        """,
        valueName: "file"))
    var output: String?
    @OptionGroup var spectrogram: SpectrogramFlags
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Mel bins, the rows of the picture, 1 to 4096. (riffusion: 512)", valueName: "n"),
      transform: Value.whole(1...4_096))
    var bins: UInt32?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Where in the sound to begin. (default: 0)", valueName: "seconds"),
      transform: Value.number(0...1e9))
    var start: Double?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("How much of the sound. (default: all of it)", valueName: "seconds"),
      transform: Value.positive())
    var duration: Double?
    @OptionGroup var talk: TalkFlags
    @OptionGroup var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let destination = try Destination(
        paths: self.output.map { [$0] } ?? [], format: nil, stem: FileName.stem(path: self.audio),
        usual: .png)
      if let output, destination.sound != nil {
        throw Failure.usage("-o \(output): the spectrogram is a .png")
      }
      let file = try InputFile(path: self.audio)
      try destination.check(against: file)
      let output = try JobOutput(destination, talk: self.talk)
      let options = Riff_V1_AnalyzeOptions.with {
        $0.spectrogram = self.spectrogram.options
        if let bins { $0.spectrogram.melBins = bins }
        if let start { $0.span.startSeconds = start }
        if let duration { $0.span.durationSeconds = duration }
        $0.fileName = FileName.last(self.audio)
      }
      try await SoundUpload.send(file) { pieces in
        try await self.riff.connect(
          self.connection, file: self.audio, usesStandardOutput: destination.usesStandardOutput
        ) { daemon in
          try await output.open()
          let response = try await daemon.analyze(requestProducer: { writer in
            try await writer.write(.with { $0.options = options })
            while let piece = try await pieces() {
              try await writer.write(.with { $0.chunk = piece })
            }
          })
          try await output.save(picture: Array(response.png), warnings: response.warnings)
        }
      }
    }
  }
}
