import ArgumentParser
import AudioIO
import Provenance

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Riff {
  struct Sample: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Short clips from random places of a long one.",
      discussion: """
        riff sample song.mp3 -n 3 --seconds 5.12
        riff sample set.flac -n 100 --seconds 10 --seed 7 -o parts/set.opus

        The clips are written as FLAC, at 48 kHz, unless -o or --format says otherwise: song-1.flac and so on. \
        Needs no daemon.
        """)

    @Argument(help: "A sound file, or - for standard input.", completion: .file())
    var clip: String
    @Option(
      name: [.customShort("n"), .long], parsing: .unconditional,
      help: ArgumentHelp("How many clips, 1 to 10000. (default: 1)", valueName: "n"),
      transform: Value.whole(1...10_000))
    var number: Int?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Length of each, at most 3600. (default: 5.12)", valueName: "seconds"),
      transform: Value.positive(atMost: 3_600))
    var seconds: Double?
    @Option(
      parsing: .unconditional,
      help: "What chooses the places: the same seed, the same clips. (default: random)",
      transform: Value.whole(0...UInt64.max))
    var seed: UInt64?
    @Option(
      name: [.customShort("o"), .long],
      help: ArgumentHelp(
        """
        .opus, .ogg, .wav, .flac or .mp3; several clips are numbered. (default: files named after the clip, \
        which replace none)
        """,
        valueName: "file"))
    var output: String?
    @Option(
      help: ArgumentHelp("What is written where no extension says it. (default: flac)"))
    var format: SoundFlags.Format?
    @Flag(name: [.customShort("q"), .long], help: "Say nothing but errors.") var quiet = false
    @ParentCommand var riff: Riff

    func run() async throws {
      let number = self.number ?? 1
      let destination = try Destination(
        paths: self.output.map { [$0] } ?? [], format: self.format?.format,
        stem: FileName.stem(path: self.clip), usual: .flac, takes: number)
      guard var sound = destination.sound, destination.picture == nil else {
        throw Failure.usage("-o: samples are sound; use .opus, .ogg, .wav, .flac or .mp3")
      }
      // Several are numbered from the first on.
      if number > 1, case .free(var names) = sound.target, names.first == nil {
        names.first = 1
        sound.target = .free(names)
      }
      let place = sound
      let file = try InputFile(path: self.clip)
      try destination.check(against: file)
      let seed = self.seed ?? UInt64(UInt32.random(in: .min ... .max))
      try await interruptible(isReadByOthers: destination.usesStandardOutput) {
        do {
          try await self.sample(try ClipSource(file), seed: seed, number, to: place)
        } catch let error as AudioIOError {
          throw Failure(message: "\(file.name): \(error)")
        }
      }
    }

    private func sample(
      _ source: ClipSource, seed: UInt64, _ number: Int, to sound: Destination.Output
    ) async throws {
      let seconds = self.seconds ?? 5.12
      let length = try source.seconds()
      guard length >= seconds else {
        throw Failure(
          message: """
            \(source.name) is \(ProgressLine.seconds(length)) s long, shorter than --seconds \
            \(ProgressLine.seconds(seconds))
            """)
      }
      var places = SeededGenerator(seed: seed)
      for take in 0..<number {
        try Task.checkCancellation()
        let start = Double.random(in: 0...(length - seconds), using: &places)
        // Whole milliseconds, as the file tells them.
        let place = (start * 1_000).rounded(.down) / 1_000
        var recipe = Recipe([
          Setting("method", "Sample"), Setting("start_seconds", "\(place)"),
          Setting("duration_seconds", "\(seconds)"), Setting("seed", "\(seed)"),
          Setting("version", "riff \(Riff.version)"),
        ])
        if source.name != "standard input" { recipe["file_name"] = FileName.last(source.name) }
        let bytes = try source.cut(at: place, seconds: seconds, as: sound.format, recipe)
        let name = try await Self.write(bytes.body, head: bytes.head, to: sound, take: take)
        if let name, !self.quiet {
          Terminal.standardError.write(
            "\(name): \(ProgressLine.seconds(seconds)) s from \(ProgressLine.seconds(place)) s on\n"
          )
        }
      }
      if !self.quiet { Terminal.standardError.write("riff: seed \(seed)\n") }
    }

    /// Returns the file's name, if it has one.
    private static func write(
      _ bytes: [UInt8], head: [UInt8], to sound: Destination.Output, take: Int
    ) async throws -> String? {
      let name: OutputFile.Name
      switch sound.target {
      case .standardOutput:
        try await OutputStream(descriptor: STDOUT_FILENO, said: "standard output").write(
          head + bytes.dropFirst(head.count))
        return nil
      case .place(.descriptor(let descriptor), let said):
        try await OutputStream(descriptor: descriptor, said: said).write(
          head + bytes.dropFirst(head.count))
        return nil
      case .place(.special(let path, _), let said):
        try await OutputStream.open(path: path, said: said).write(
          head + bytes.dropFirst(head.count))
        return nil
      case .place(let place, let said): name = .given(place, said: said)
      case .free(var names):
        names.first = names.first.map { $0 + take }
        name = .free(names)
      }
      let file = try OutputFile(name)
      try file.write(head + bytes.dropFirst(head.count))
      return try file.commit()
    }
  }
}
