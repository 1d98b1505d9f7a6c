import ArgumentParser

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How much is said on standard error, for the commands that make files.
struct TalkFlags: ParsableArguments {
  /// How progress is told.
  enum Progress: String, CaseIterable, ExpressibleByArgument {
    case plain, json, none
  }

  @Flag(
    name: [.customShort("q"), .long],
    help: "Say nothing but warnings and errors: no progress, no seed, no file names.")
  var quiet = false
  @Option(
    help: ArgumentHelp(
      """
      How progress is told on standard error: plain, a line at a time, json, an object a line, or none. \
      (default: one line that changes, on a terminal)
      """, valueName: "style"))
  var progress: Progress?
  @Flag(
    inversion: .prefixedNo,
    help: ArgumentHelp(
      """
      Show the spectrogram in the terminal as soon as it is painted. (default: where the terminal has \
      colours and nothing else writes on it)
      """))
  var picture: Bool?

  /// How the spectrogram is shown, if it is.
  func graphics(for destination: Destination) -> TerminalGraphics? {
    guard self.picture != false, !self.quiet else { return nil }
    let graphics = TerminalGraphics { name in getenv(name).map { String(cString: $0) } }
    if self.picture == true { return graphics ?? .shades }
    guard Terminal.standardError.isInteractive, !destination.isPiped, self.progress == nil,
      !CommandLine.arguments.contains("--json"), graphics != .shades
    else { return nil }
    return graphics
  }
}
