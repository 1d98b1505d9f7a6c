import ArgumentParser
import FramedTransport
import GRPCCore
import RiffProtocol
import UnixSignals

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@main
struct RiffWeb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "riff-web",
    abstract: "Serves the page that plays, steers and shows riffd's music, to this machine only.",
    discussion: """
      The first line on standard output is an address for your browser. It lets one browser in, once, for a \
      minute; “riff web” opens it, and makes another one later. docs/web.md says what protects the page.
      """,
    version: "0.1.0")

  @Option(
    help: ArgumentHelp("The daemon's socket. (default: as riff has it)", valueName: "path"))
  var socket: String = RiffSocket.standardPath()

  @Option(
    help: ArgumentHelp(
      "The port on 127.0.0.1 to listen on, 0 for any that is free. (default: 7433)", valueName: "n")
  )
  var port: Int?

  @Option(
    help: ArgumentHelp(
      "A Unix-domain socket to listen on instead, for a proxy; its folder must be yours alone.",
      valueName: "path"))
  var listen: String?

  @Option(
    name: .customLong("allow-host"),
    help: ArgumentHelp(
      "A name that requests may have in Host, with its port if it has one; may be given again.",
      valueName: "name"))
  var allowedHosts: [String] = []

  /// R, I, F, F on a telephone's keys.
  static let standardPort = 7433

  func validate() throws {
    if let port, !(0...65_535).contains(port) {
      throw ValidationError("--port must be 0 to 65535, not \(port)")
    }
    if self.port != nil, self.listen != nil {
      throw ValidationError("--port and --listen both say where to listen; give one")
    }
    for host in self.allowedHosts where !Doorkeeper.isHost(host) {
      throw ValidationError("--allow-host must be a name, with or without a port, not “\(host)”")
    }
    if self.listen != nil, self.allowedHosts.isEmpty {
      throw ValidationError("--listen needs --allow-host: the name that the proxy is reached by")
    }
  }

  func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    let files = try PageFiles.find()
    let listener: WebServer.Listener =
      if let listen { .unix(try SocketPlace.claim(listen)) } else {
        .loopback(port: self.port ?? Self.standardPort)
      }
    try await withGRPCClient(transport: FramedTransport.Client(path: self.socket)) { client in
      let takes = Takes()
      let daemon = Riff_V1_Riff.Client(wrapping: client)
      let server = WebServer(
        listener: listener, daemonSocket: self.socket, allowedHosts: self.allowedHosts
      ) { doorkeeper in
        Router(
          doorkeeper: doorkeeper, files: files,
          jobs: JobCalls(daemon: daemon, takes: takes), takes: takes)
      }
      try await withThrowingTaskGroup { group in
        group.addTask { try await server.run() }
        group.addTask {
          for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) { return }
        }
        try await group.next()
        group.cancelAll()
      }
    }
  }
}
