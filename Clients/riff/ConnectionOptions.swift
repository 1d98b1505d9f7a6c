import ArgumentParser
import RiffProtocol

/// How to reach the daemon; the same before and after a subcommand's name.
struct ConnectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The daemon's socket. (default: $RIFF_SOCKET, else riffd.sock in $XDG_RUNTIME_DIR, else \
      /tmp/riffd-UID/riffd.sock)
      """,
      valueName: "path"))
  var socket: String?

  @Option(
    name: .customLong("allow-group"),
    help: ArgumentHelp(
      """
      The group that shares another user's daemon (riffd --allow-group). Needs --socket or $RIFF_SOCKET. \
      (default: $RIFF_ALLOW_GROUP)
      """,
      valueName: "name"))
  var allowedGroup: String?

  @Flag(
    help: ArgumentHelp(
      """
      Print one JSON object a line instead of words: events, status, models, errors. On standard output, \
      or on standard error where sound goes there. docs/json.md describes them.
      """))
  var json = false
}
