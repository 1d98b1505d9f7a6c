import ArgumentParser

/// Which daemon, for commands that need one at times only.
struct SocketOption: ParsableArguments {
  @Option(help: ArgumentHelp("The daemon's socket.", valueName: "path"))
  var socket: String?
}
