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
      riff-web
      riff-web --port 0
      riff-web --listen /run/music/web.sock --allow-group music

      The first line on standard output is an address for your browser. It lets one browser in, once, for a \
      minute; “riff web” opens it, and makes another one later. docs/web.md says what protects the page.
      """,
    version: "0.1.0")

  @Option(
    help: ArgumentHelp("The daemon's socket. (default: as riff has it)", valueName: "path"))
  var socket: String?

  @Option(
    help: ArgumentHelp(
      "The port on 127.0.0.1 to listen on, 0 for any that is free. (default: 7433)", valueName: "n")
  )
  var port: Int?

  @Option(
    help: ArgumentHelp(
      "A Unix-domain socket to listen on instead, for a proxy; its folder must be yours alone, or "
        + "--allow-group's.", valueName: "path"))
  var listen: String?

  @Option(
    name: .customLong("allow-group"),
    help: ArgumentHelp(
      "A group, such as the proxy's, whose users may connect to --listen, too: its folder then has that "
        + "group and mode 0750, and is made so if it is missing. A daemon of another user who shares it "
        + "with the group (riffd --allow-group) is believed, too, if --socket or $RIFF_SOCKET names it.",
      valueName: "name"))
  var allowedGroup: String?

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
    if self.allowedGroup != nil, self.listen == nil, self.named == nil {
      throw ValidationError(
        "--allow-group needs --listen, the socket to share, or --socket, another user's riffd")
    }
  }

  func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    let files = try PageFiles.find()
    let group = try self.allowedGroup.map { try SocketGroup(named: $0) }
    let listener: WebServer.Listener =
      if let listen { .unix(try SocketPlace.claim(listen, group: group)) } else {
        .loopback(port: self.port ?? Self.standardPort)
      }
    let socket = self.named ?? RiffSocket.standardPath()
    var configuration = FramedTransport.Client.Configuration()
    configuration.server = try self.server(believing: group)
    try await withGRPCClient(
      transport: FramedTransport.Client(path: socket, configuration: configuration)
    ) { client in
      let takes = Takes()
      let daemon = Riff_V1_Riff.Client(wrapping: client)
      let server = WebServer(
        listener: listener, daemonSocket: socket, allowedHosts: self.allowedHosts
      ) { doorkeeper in
        Router(
          doorkeeper: doorkeeper, files: files,
          jobs: JobCalls(daemon: daemon, takes: takes), takes: takes)
      }
      // Before the first line is printed: whoever reads it may end this program at once.
      let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
      try await withThrowingTaskGroup { group in
        group.addTask { try await server.run() }
        group.addTask { for await _ in signals { return } }
        try await group.next()
        group.cancelAll()
      }
    }
  }

  /// The daemon's socket, where the user has named one.
  private var named: String? { self.socket ?? RiffSocket.named() }

  /// Whose daemon is believed: this user's; also another user's who shares it with the group, where its socket
  /// has been named, since everybody in the group can make a folder where a standard path leads.
  private func server(believing group: SocketGroup?) throws -> PeerRule {
    guard let group, let named = self.named else { return .sameUser }
    let folder = try SocketPath(named).directory
    // One that is made later is this user's own.
    guard access(folder, F_OK) == 0 else { return .sameUser }
    return try SocketDirectory.verify(folder, group: group).server
  }
}
