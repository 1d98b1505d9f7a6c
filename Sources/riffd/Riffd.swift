import ArgumentParser
import FramedTransport
import GRPCCore
import Logging
import Riff
import RiffProtocol
import RiffServing
import ServiceLifecycle

@main
struct Riffd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "riffd",
    abstract:
      "Turns text, pictures and clips into streamed Ogg Opus, for programs on this machine.",
    discussion: """
      Listens on a Unix-domain socket, by default $RIFF_SOCKET, else riffd.sock in \
      $XDG_RUNTIME_DIR, else /tmp/riffd-UID/riffd.sock; its folder must be yours alone (mode 0700) \
      and is made if it is missing. If $XDG_RUNTIME_DIR is yours but others can enter it, its \
      folder riffd is used. SIGINT and SIGTERM let running jobs finish for some seconds, then stop \
      them; a new daemon on the same socket waits for that.
      """,
    version: DaemonVersion.current)

  @Option(help: ArgumentHelp("Path of the socket to listen on.", valueName: "path"))
  var socket: String = RiffSocket.standardPath()

  @Option(
    name: .customLong("model"),
    help: ArgumentHelp(
      """
      A model's name in requests and its folder, in diffusers' layout. May be given again; the \
      first is the default. Without any, the bundled models: those in $RIFF_MODELS, else in \
      ../share/riffd/models beside this program, else in the checkout's Models.
      """,
      valueName: "name=dir"))
  var models: [ModelOption] = []

  @Option(help: "Threads that one job computes with, 1 to 256. (default: one for each processor)")
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "End after so many seconds without a connection or a job. (default: never)",
      valueName: "seconds"))
  var idleTimeout: Int?

  @Option(
    help: ArgumentHelp(
      "Seconds that running jobs have to finish when the daemon is told to end.",
      valueName: "seconds"))
  var grace: Int = 10

  func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads is \(threads); right is 1 to 256")
    }
    if let idleTimeout, idleTimeout < 1 {
      throw ValidationError("--idle-timeout is \(idleTimeout); right is 1 or more seconds")
    }
    guard (0...3_600).contains(self.grace) else {
      throw ValidationError("--grace is \(self.grace); right is 0 to 3600 seconds")
    }
  }

  func run() async throws {
    var locations = self.models.isEmpty ? try BundledModels.find() : self.models.map(\.location)
    for index in locations.indices {
      locations[index].directory = WorkingDirectory.absolute(locations[index].directory)
    }
    try await Daemon(
      configuration: DaemonConfiguration(
        socket: WorkingDirectory.absolute(self.socket), models: locations,
        threads: self.threads ?? DaemonConfiguration.processorCount,
        idleTimeout: self.idleTimeout.map { .seconds($0) }, grace: .seconds(self.grace))
    ).run()
  }
}
