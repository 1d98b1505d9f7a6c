import ArgumentParser

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
}
