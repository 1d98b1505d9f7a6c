import ArgumentParser

/// Which daemon, for commands that need one at times only.
struct SocketOption: ParsableArguments {
  @Option(help: ArgumentHelp("The daemon's socket.", valueName: "path"))
  var socket: String?

  @Option(
    name: .customLong("allow-group"),
    help: ArgumentHelp("The group that shares another user's daemon.", valueName: "name"))
  var allowedGroup: String?
}
