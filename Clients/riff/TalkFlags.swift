import ArgumentParser

/// How much is said on standard error, for the commands that make files.
struct TalkFlags: ParsableArguments {
  @Flag(
    name: [.customShort("q"), .long],
    help: "Say nothing but warnings and errors: no progress, no seed, no file names.")
  var quiet = false
}
