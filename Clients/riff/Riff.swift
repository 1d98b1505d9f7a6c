import ArgumentParser
import FramedTransport
import RiffProtocol

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@main
struct Riff: AsyncParsableCommand {
  /// The daemon's, when both come from one build.
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "riff",
    abstract:
      "Makes music from words, and sound from spectrograms, with the riffd on this machine.",
    discussion: """
      If no riffd is listening, one is started; it ends by itself after ten idle minutes.

      riff generate "church bells" | mpv -
      riff generate "slow jazz piano" -o jazz.opus --duration 15
      riff remix song.mp3 "gospel choir" -o choir.opus
      riff jam "techno drum beat, 120 bpm" | mpv -
      riff render picture.png -o sound.wav
      riff spectrogram song.mp3 -o picture.png
      riff info bells.opus

      Exit status: 0 done, 1 failed, 64 wrong usage, 128 + n ended by signal n (130: Ctrl-C).
      """,
    version: Self.version,
    subcommands: [
      Generate.self, Remix.self, Extend.self, Morph.self, Jam.self, Render.self, Play.self,
      Spectrogram.self,
      Info.self,
      Batch.self, Sample.self, Config.self,
      Web.self,
      Status.self, Models.self,
      Cancel.self,
      Stop.self,
      Restart.self,
    ])

  @OptionGroup var connection: ConnectionOptions

  static func main() async {
    // A reader that goes away is an error of the write, not a signal.
    signal(SIGPIPE, SIG_IGN)
    // Who started us may ignore it, and then nobody would learn how the programs end that are started here.
    signal(SIGCHLD, SIG_DFL)
    let typed = Array(CommandLine.arguments.dropFirst())
    var expansion: CommandLineExpansion?
    do {
      expansion = try CommandLineExpansion(typed)
      var command = try parseAsRoot(expansion?.arguments)
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let failure as Failure {
      if failure.exitCode == Failure.readerQuit.exitCode { Self.endBySignal(SIGPIPE) }
      if CommandLine.arguments.contains("--json") {
        JSONLines.standardError.write(failure)
      } else {
        Terminal.standardError.write("riff: \(failure.message)\n")
      }
      Self.end(failure.exitCode)
    } catch let error as FramedTransportError {
      Terminal.standardError.write("riff: \(error)\n")
      Self.end(1)
    } catch {
      // Help and versions are not failures.
      if Self.exitCode(for: error).isSuccess {
        let help = Self.fullMessage(for: error, columns: HelpText.columns)
        let names = Set(Self.configuration.subcommands.map { $0._commandName })
        print(HelpText(help, command: typed.first { names.contains($0) }).text)
        Self.end(0)
      }
      let usage = UsageError(error, arguments: typed)
      let source = expansion?.source(of: usage.message, typed: typed).map { "config.yaml, \($0): " }
      Terminal.standardError.write("riff: \(source ?? "")\(usage.message)\n")
      Self.end(Self.exitCode(for: error).rawValue)
    }
  }
}

extension Riff {
  /// Ends the process; `exit` alone would mean ArgumentParser's.
  private static func end(_ status: Int32) -> Never {
    #if canImport(Glibc)
      Glibc.exit(status)
    #elseif canImport(Musl)
      Musl.exit(status)
    #else
      Darwin.exit(status)
    #endif
  }

  /// Ends the process as the signal does by itself.
  private static func endBySignal(_ number: Int32) -> Never {
    signal(number, SIG_DFL)
    raise(number)
    // Unless it is blocked.
    Self.end(128 + number)
  }

  /// Whether `--json` stands before or after the subcommand's name.
  func printsJSON(_ options: ConnectionOptions) -> Bool { options.json || self.connection.json }

  /// Runs `work` with the daemon that the options before or after the subcommand's name choose.
  ///
  /// - Parameters:
  ///   - file: What is uploaded, for messages about it.
  ///   - usesStandardOutput: Whether the work ends when nobody reads standard output any more.
  ///   - onInterrupt: What an interrupt does at first, instead of cancelling the work.
  func connect<R: Sendable>(
    _ options: ConnectionOptions, launches: Bool = true, file: String? = nil,
    usesStandardOutput: Bool = false, onInterrupt: (@Sendable () -> Void)? = nil,
    _ work: @escaping @Sendable (DaemonConnection.Client) async throws -> R
  ) async throws -> R {
    try await DaemonConnection(
      address: try self.address(options), launches: launches, file: file,
      usesStandardOutput: usesStandardOutput, onInterrupt: onInterrupt
    ).run(work)
  }

  /// Where the daemon listens and whose it may be, by the options before or after the subcommand's name.
  ///
  /// - Throws: ``Failure``, `FramedTransportError`.
  func address(_ options: ConnectionOptions) throws -> DaemonAddress {
    try DaemonAddress(
      socket: options.socket ?? self.connection.socket,
      group: options.allowedGroup ?? self.connection.allowedGroup)
  }

  /// Where the daemon listens, by the options before or after the subcommand's name.
  func socket(_ options: ConnectionOptions) -> String {
    options.socket ?? self.connection.socket ?? RiffSocket.standardPath()
  }
}
