import ArgumentParser
import GRPCCore
import SwiftProtobuf
import RiffProtocol
import Spectrogram

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Riff {
  struct Spectrogram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Audio file to spectrogram picture.",
      discussion: """
        riff spectrogram song.mp3 -o song.png
        riff spectrogram song.mp3 --axes --title "Song, opening bars" -o figure.png
        riff spectrogram beat.png --axes -o figure.png
        riff spectrogram songs -o pictures

        The picture equals riffusion's for the same file, its parameters in EXIF. With --axes it is one \
        for people: time, frequency, a colour bar in decibels and a title.
        """)

    @Argument(
      help: """
        A WAV, FLAC, MP3, Ogg or AIFF file, whatever else ffmpeg reads where it is installed, or - \
        for standard input; or a folder of such files. With --axes, a spectrogram's picture, too.
        """)
    var audio: String
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        A .png file, or - for standard output. A file of that name is replaced. Of a folder's sounds, a \
        folder, in which nothing is replaced. (default: standard output if it is a pipe, else a file named \
        after the audio that replaces none)
        """,
        valueName: "file"))
    var output: String?
    @OptionGroup(title: "How the picture maps to sound") var spectrogram: SpectrogramFlags
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
    @Flag(help: "Draw axes, a colour bar and a title: a figure for a paper, 2650 × 1180 pixels.")
    var axes = false
    @Option(
      help: ArgumentHelp("With --axes: the title. (default: the file's name)", valueName: "text"))
    var title: String?
    @Option(help: "With --axes: magma, or grey, where white is silent. (default: magma)")
    var colours: ColourMap?
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      guard let folder = try InputFolder(path: self.audio) else { return try await self.runAlone() }
      guard self.title == nil else {
        throw Failure.usage("--title is for one figure; \(self.audio) is a folder")
      }
      try await folder.each(into: self.output, quiet: self.talk.quiet) { file, base in
        let destination = Destination(free: base, .png)
        try await self.analyze(
          file, try InputFile(path: file), destination, try JobOutput(destination, talk: self.talk))
      }
    }

    private func runAlone() async throws {
      let destination = try Destination(
        paths: self.output.map { [$0] } ?? [], format: nil, stem: FileName.stem(path: self.audio),
        usual: .png)
      if let output, destination.sound != nil {
        throw Failure.usage("-o \(output): the spectrogram is a .png")
      }
      let file = try InputFile(path: self.audio)
      try destination.check(against: file)
      let output = try JobOutput(destination, talk: self.talk)
      if self.axes {
        let start = try InputFile(path: file.path == "-" ? "/dev/null" : file.path).start(64)
        if PictureFormat(detecting: start).isPicture {
          var picture: [UInt8] = []
          while let piece = try file.next() { picture += piece }
          let figure = try self.figure(picture, of: self.audio)
          return try await output.save(picture: figure, warnings: [])
        }
      }
      try await self.analyze(self.audio, file, destination, output)
    }

    private func analyze(
      _ name: String, _ file: InputFile, _ destination: Destination, _ output: JobOutput
    ) async throws {
      let options = Riff_V1_AnalyzeOptions.with {
        $0.spectrogram = self.spectrogram.options
        if let bins { $0.spectrogram.melBins = bins }
        if let start { $0.span.startSeconds = start }
        if let duration { $0.span.durationSeconds = duration }
        $0.fileName = FileName.last(name)
      }
      try await SoundUpload.send(file) { pieces in
        try await self.riff.connect(
          self.connection, file: name, usesStandardOutput: destination.usesStandardOutput
        ) { daemon in
          try await output.open()
          let response = try await daemon.analyze(requestProducer: { writer in
            try await writer.write(.with { $0.options = options })
            while let piece = try await pieces() {
              try await writer.write(.with { $0.chunk = piece })
            }
          })
          let png = Array(response.png)
          try await output.save(
            picture: self.axes ? try self.figure(png, of: name) : png, warnings: response.warnings)
        }
      }
    }

    func validate() throws {
      if self.title != nil || self.colours != nil, !self.axes {
        throw ValidationError("--title and --colours are for --axes; give that, too")
      }
    }

    /// The picture with axes.
    private func figure(_ picture: [UInt8], of name: String) throws -> [UInt8] {
      do {
        return try AxesFigure(
          levels: try Levels(picture: picture),
          title: self.title ?? (name == "-" ? "" : FileName.last(name)),
          start: self.start ?? 0, colours: self.colours ?? .magma
        ).png()
      } catch let error as SpectrogramError {
        throw Failure(message: "\(name): \(error)")
      }
    }
  }
}
