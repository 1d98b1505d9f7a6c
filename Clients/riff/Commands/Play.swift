import ArgumentParser
import GRPCCore
import RiffProtocol
import Spectrogram
import SwiftProtobuf

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Riff {
  struct Play: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Plays a sound, or a spectrogram picture as sound.",
      discussion: """
        riff play bells.opus
        riff play beat.png --quality best

        By $RIFF_PLAYER, else the first of mpv, ffplay, pw-play and paplay that is installed.
        """)

    @Argument(help: "A sound file, or a PNG or JPEG spectrogram.", completion: .file())
    var file: String
    @Option(help: "How close the sound comes to a picture: draft, normal or best.")
    var quality: SoundFlags.Quality?
    @OptionGroup(title: "How the picture maps to sound") var spectrogram: SpectrogramFlags
    @OptionGroup(title: "What is said") var talk: TalkFlags
    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let first = try InputFile(path: self.file)
      guard let player = Player.find() else { throw Failure(message: Player.missing) }
      let isPicture = PictureFormat(detecting: try first.start(64)).isPicture
      let path = try first.readablePath()
      guard isPicture else { return try await interruptible { try await player.play(path) } }
      let file = try InputFile(path: path)
      // Players of whole files get one without a name.
      let whole = player.playsStreams ? nil : InputFile.temporaryFile()
      guard player.playsStreams || whole != nil else {
        throw Failure(message: "no temporary file can be made in /var/tmp or $TMPDIR")
      }
      let output = try JobOutput(
        whole.map { Destination(descriptor: $0, format: .wav) } ?? .nowhere, talk: self.talk,
        player: player)
      let options = Riff_V1_RenderOptions.with {
        $0.spectrogram = self.spectrogram.options
        $0.fileName = FileName.last(self.file)
        $0.output = player.playsStreams ? .oggOpus : .wav
        if let quality { $0.quality = quality.value }
      }
      try await self.riff.connect(self.connection, file: self.file) { daemon in
        try await daemon.render(
          requestProducer: { writer in
            try await writer.write(.with { $0.options = options })
            while let piece = try await file.nextPiece() {
              try await writer.write(.with { $0.chunk = piece })
            }
          },
          onResponse: { try await output.save($0) })
        if let whole { try await player.play("/proc/\(getpid())/fd/\(whole)") }
      }
    }
  }
}
