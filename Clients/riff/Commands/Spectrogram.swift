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
        riff spectrogram --like song.png other.mp3 -o other.png

        The picture equals riffusion's for the same file, its parameters in EXIF. With --axes it is one \
        for people: time, frequency, a colour bar in decibels and a title.
        """)

    @Argument(
      help: """
        A WAV, FLAC, MP3, Ogg or AIFF file, whatever else ffmpeg reads where it is installed, or - \
        for standard input; or a folder of such files. With --axes, a spectrogram's picture, too. \
        (default: that of --like)
        """)
    var audio: String?
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
    @Option(
      help: ArgumentHelp(
        """
        Make a picture of riff spectrogram's again: the same bytes on the same machine, with the same \
        threads and version. Other options, and another sound, are changes.
        """,
        valueName: "file"))
    var like: String?
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      guard let audio, let folder = try InputFolder(path: audio) else {
        return try await self.runAlone()
      }
      guard self.title == nil else {
        throw Failure.usage("--title is for one figure; \(audio) is a folder")
      }
      guard self.like == nil else {
        throw Failure.usage("--like makes one file again; \(audio) is a folder")
      }
      try await folder.each(into: self.output, quiet: self.talk.quiet) { file, base in
        let destination = Destination(free: base, .png)
        try await self.analyze(
          file, try InputFile(path: file), self.change(Riff_V1_AnalyzeOptions()), like: nil,
          destination, try JobOutput(destination, talk: self.talk))
      }
    }

    private func runAlone() async throws {
      let made = try self.like.map { try MadeFile(path: $0) }
      let options = self.change(try made?.analysis() ?? Riff_V1_AnalyzeOptions())
      guard let audio = try self.audio ?? made?.upload(askedFor: "as the argument") else {
        throw Failure.usage("name the sound")
      }
      let destination = try Destination(
        paths: self.output.map { [$0] } ?? [], format: nil, stem: FileName.stem(path: audio),
        usual: .png)
      if let output, destination.sound != nil {
        throw Failure.usage("-o \(output): the spectrogram is a .png")
      }
      let file = try InputFile(path: audio)
      try destination.check(against: file)
      let output = try JobOutput(destination, talk: self.talk, like: made?.recipe)
      if self.axes {
        let start = try InputFile(path: file.path == "-" ? "/dev/null" : file.path).start(64)
        if PictureFormat(detecting: start).isPicture {
          var picture: [UInt8] = []
          while let piece = try file.next() { picture += piece }
          let figure = try self.figure(picture, of: audio, start: self.start ?? 0)
          return try await output.save(picture: figure, warnings: [])
        }
      }
      try await self.analyze(audio, file, options, like: made, destination, output)
    }

    /// What the options say, in a request that may say something already.
    private func change(_ options: Riff_V1_AnalyzeOptions) -> Riff_V1_AnalyzeOptions {
      var options = options
      self.spectrogram.change(&options.spectrogram)
      if let bins { options.spectrogram.melBins = bins }
      if let start { options.span.startSeconds = start }
      if let duration { options.span.durationSeconds = duration }
      return options
    }

    private func analyze(
      _ name: String, _ file: InputFile, _ options: Riff_V1_AnalyzeOptions, like made: MadeFile?,
      _ destination: Destination, _ output: JobOutput
    ) async throws {
      var named = options
      named.fileName = try made?.fileName(of: name) ?? FileName.last(name)
      let options = named
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
            picture: self.axes
              ? try self.figure(png, of: name, start: options.span.startSeconds) : png,
            warnings: response.warnings)
        }
      }
    }

    func validate() throws {
      if self.audio == nil, self.like == nil {
        throw ValidationError("name the sound, or give --like a picture of riff spectrogram's")
      }
      if self.title != nil || self.colours != nil, !self.axes {
        throw ValidationError("--title and --colours are for --axes; give that, too")
      }
    }

    /// The picture with axes.
    private func figure(
      _ picture: [UInt8], of name: String, start: Double
    ) throws -> [UInt8] {
      do {
        return try AxesFigure(
          levels: try Levels(picture: picture),
          title: self.title ?? (name == "-" ? "" : FileName.last(name)),
          start: start, colours: self.colours ?? .magma
        ).png()
      } catch let error as SpectrogramError {
        throw Failure(message: "\(name): \(error)")
      }
    }
  }
}
