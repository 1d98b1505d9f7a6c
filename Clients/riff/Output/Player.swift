#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A program that plays sound: mpv, ffplay, pw-play or paplay, or what `$RIFF_PLAYER` says.
struct Player: Sendable {
  /// Its name and options; a file's name follows.
  private let command: [String]
  /// The same for sound from standard input; nil where it plays whole files only.
  private let stream: [String]?

  /// Those that are known, the best first.
  private static let known = [
    Player(
      command: ["mpv", "--no-video", "--"],
      stream: ["mpv", "--no-terminal", "--no-video", "-"]),
    Player(
      command: ["ffplay", "-nodisp", "-autoexit", "-loglevel", "error", "-i"],
      stream: ["ffplay", "-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"]),
    Player(command: ["pw-play"], stream: nil),
    Player(command: ["paplay", "--"], stream: nil),
  ]

  static let knownNames = Self.known.map { $0.command[0] }.joined(separator: ", ")

  /// What `$RIFF_PLAYER` says, words with blanks between; else the first known one that is installed. Nil
  /// where there is none, or the variable is “none”.
  static func find() -> Player? {
    guard let chosen = getenv("RIFF_PLAYER").map({ String(cString: $0) }), !chosen.isEmpty else {
      return Self.known.first { ChildProgram.exists($0.command[0]) }
    }
    let words = chosen.split(separator: " ").map(String.init)
    guard let name = words.first, words != ["none"] else { return nil }
    guard words.count == 1, let known = Self.known.first(where: { $0.command[0] == name }) else {
      return Player(command: words, stream: words + ["-"])
    }
    return known
  }

  /// What to say where there is none.
  static let missing = "no player found; install mpv, or name one in RIFF_PLAYER"

  var name: String { self.command[0] }
  var playsStreams: Bool { self.stream != nil }
  var isInstalled: Bool { ChildProgram.exists(self.name) }

  /// Starts it with sound that is still to come; nil where it plays whole files only.
  ///
  /// - Throws: ``Failure`` when it cannot be started.
  func startStream() throws -> Playback? {
    guard let stream else { return nil }
    let (reading, writing) = try ChildProgram.pipe()
    defer { close(reading) }
    do {
      guard let program = try ChildProgram(stream, input: reading) else {
        throw Failure(message: "\(self.name) is not installed")
      }
      return Playback(
        program: program, stream: OutputStream(descriptor: writing, said: self.name),
        descriptor: writing)
    } catch {
      close(writing)
      throw error
    }
  }

  /// Plays a file to its end.
  ///
  /// - Throws: ``Failure`` when that fails; `CancellationError`.
  func play(_ path: String) async throws {
    // A name that begins with a dash is not an option.
    let file = path.hasPrefix("-") ? "./" + path : path
    guard let program = try ChildProgram(self.command + [file], input: STDIN_FILENO) else {
      throw Failure(message: "\(self.name) is not installed")
    }
    guard try await program.ended() else { throw Failure(message: "\(self.name) failed") }
  }
}

/// Sound on its way into a player's standard input. Used by one task.
final class Playback: Sendable {
  private let program: ChildProgram
  private let stream: OutputStream
  private let descriptor: Int32

  init(program: ChildProgram, stream: OutputStream, descriptor: Int32) {
    self.program = program
    self.stream = stream
    self.descriptor = descriptor
  }

  /// Passes sound on.
  ///
  /// - Throws: ``Failure``, ``Failure/readerQuit`` where the player has gone; `CancellationError`.
  func write(_ bytes: [UInt8]) async throws { try await self.stream.write(bytes) }

  /// No more sound comes: waits until it has been played.
  ///
  /// - Returns: Whether the player succeeded.
  func finish() async throws -> Bool {
    _ = Descriptor.close(self.descriptor)
    return try await self.program.ended()
  }

  /// Ends it where it is.
  func abort() {
    self.program.end()
    _ = Descriptor.close(self.descriptor)
  }
}
