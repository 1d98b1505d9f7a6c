import RiffProtocol

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where a job's sound and picture go, as `-o` and `--format` say.
struct Destination {
  /// One of the two.
  struct Output {
    enum Target {
      case standardOutput
      /// What the user named.
      case place(OutputPlace, said: String)
      /// What the user did not name.
      case free(FreeName)
    }

    var target: Target
    var format: MediaFormat
  }

  private(set) var sound: Output?
  private(set) var picture: Output?

  /// - Parameters:
  ///   - paths: What `-o` says, each time. "-" is standard output.
  ///   - format: What `--format` says: what is written where no extension says it.
  ///   - stem: The name, without extension, of a file in the current folder, for when nothing is said
  ///     and standard output is a terminal; or several takes are made.
  ///   - usual: The format where nothing says another.
  ///   - takes: How many times the destination is written to; files are numbered if it is several
  ///     times.
  /// - Throws: ``Failure``: wrong usage, or a place that cannot be written to.
  init(
    paths: [String], format: MediaFormat?, stem: String, usual: MediaFormat = .opus, takes: Int = 1
  ) throws {
    if paths.isEmpty {
      let format = format ?? usual
      if takes == 1, !Terminal.standardOutput.isInteractive {
        try self.add(Output(target: .standardOutput, format: format), said: "standard output")
      } else {
        try self.add(
          Output(target: .free(FreeName(base: stem, format: format)), format: format), said: stem)
      }
    }
    for path in paths {
      try self.add(
        Self.output(path, format: format, usual: usual, isNumbered: takes > 1), said: path)
    }
    if let format, self.sound == nil {
      throw Failure.usage("--format \(format.rawValue) is a sound, but -o names only a picture")
    }
  }

  private init() {}

  /// The first free name that begins with `base`, in a folder that the user named; of the picture, too, if
  /// it is kept.
  ///
  /// - Parameter isChosen: Whether the user chose the name.
  init(
    free base: String, _ format: MediaFormat, keepsPicture: Bool = false, isChosen: Bool = false
  ) {
    func output(_ format: MediaFormat) -> Output {
      let names = FreeName(base: base, format: format, isChosen: isChosen)
      return Output(target: .free(names), format: format)
    }
    if format.isSound { self.sound = output(format) }
    if keepsPicture || !format.isSound { self.picture = output(.png) }
  }

  /// No place: the sound is played and not kept.
  static var nowhere: Destination { Destination() }

  /// Sound into a file that is open.
  init(descriptor: Int32, format: MediaFormat) {
    self.sound = Output(
      target: .place(.descriptor(descriptor), said: "a temporary file"), format: format)
  }

  /// Both of the outputs, or the one that there is.
  var outputs: [Output] { [self.sound, self.picture].compactMap(\.self) }

  /// What the sound is, or the picture's if there is none.
  var format: MediaFormat { self.sound?.format ?? .png }

  /// Whether a result goes into a pipe, whose reader may write on the same terminal.
  var isPiped: Bool {
    self.outputs.contains { output in
      var status = stat()
      switch output.target {
      case .standardOutput:
        return fstat(STDOUT_FILENO, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
      case .place(.descriptor(let descriptor), _):
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
      case .place(.special(_, let status), _): return status.st_mode & S_IFMT == S_IFIFO
      case .place, .free: return false
      }
    }
  }

  /// Whether standard output carries a result.
  var usesStandardOutput: Bool {
    self.outputs.contains { output in
      switch output.target {
      case .standardOutput, .place(.descriptor(STDOUT_FILENO), _): true
      case .place, .free: false
      }
    }
  }

  /// - Throws: ``Failure`` where an output is the file that is read.
  func check(against input: InputFile) throws {
    guard let file = input.identity else { return }
    for output in self.outputs {
      if case .place(let place, let said) = output.target, place.identity == file {
        throw Failure.usage("\(said) is the file that is read; name another one with -o")
      }
    }
  }

  private mutating func add(_ output: Output, said: String) throws {
    if output.format.isSound {
      guard self.sound == nil else {
        throw Failure.usage("-o \(said): one job writes one sound and one picture, not two sounds")
      }
      self.sound = output
    } else {
      guard self.picture == nil else {
        throw Failure.usage(
          "-o \(said): one job writes one sound and one picture, not two pictures")
      }
      self.picture = output
    }
  }

  private static func output(
    _ path: String, format: MediaFormat?, usual: MediaFormat, isNumbered: Bool
  ) throws -> Output {
    let own = MediaFormat(fileName: path)
    if let own, let format, own.isSound, own != format {
      throw Failure.usage(
        "-o \(path) is \(own.name) by its name, but --format says \(format.rawValue)")
    }
    if path == "-" {
      try Self.checkTerminal(STDOUT_FILENO, "standard output")
      if isNumbered { throw Failure.usage("--count makes files; name one with -o, not -") }
      return Output(target: .standardOutput, format: format ?? usual)
    }
    let place = try OutputPlace(path)
    guard place.isFile else {
      if isNumbered { throw Failure.usage("--count makes files, which \(path) is not") }
      if case .descriptor(let descriptor) = place { try Self.checkTerminal(descriptor, path) }
      if path == "/dev/tty" { try Self.checkTerminal(STDERR_FILENO, path) }
      return Output(target: .place(place, said: path), format: own ?? format ?? usual)
    }
    guard let format = own ?? format else {
      throw Failure.usage(
        usual.isSound
          ? """
          -o \(path): the extension says what is written: .opus, .ogg, .wav, .flac or .mp3 for \
          sound, .png for the spectrogram; or say it with --format
          """
          : "-o \(path): the spectrogram is a .png")
    }
    guard isNumbered else { return Output(target: .place(place, said: path), format: format) }
    let base = own == nil ? path : String(path[..<(path.lastIndex(of: ".") ?? path.endIndex)])
    return Output(
      target: .free(FreeName(base: base, format: format, first: 1)), format: format)
  }

  private static func checkTerminal(_ descriptor: Int32, _ said: String) throws {
    guard isatty(descriptor) == 1 else { return }
    throw Failure.usage(
      "\(said) is a terminal; name a file with -o, or pipe into a player: | mpv -")
  }
}
