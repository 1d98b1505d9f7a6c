internal import ArgumentParser
internal import FramedTransport
internal import Logging
internal import RiffProtocol
internal import ServiceLifecycle
internal import UnixSignals

/// Standard gRPC in front of the daemon.
@main
struct RiffGRPC: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "riff-grpc",
    abstract: "Standard gRPC over HTTP/2 on a Unix-domain socket, in front of riffd.",
    discussion: """
      riff-grpc
      riff-grpc --listen /run/user/1000/riffd/grpc.sock

      Calls of any method go to the daemon as they are: messages, metadata, deadlines, cancelling, \
      status and details. Health checking and reflection (v1 and v1alpha) are answered here. Each \
      connection has one of its own to the daemon, which may start later than this program; until \
      then calls fail as UNAVAILABLE.

      Clients of the same user reach it as unix:PATH, without TLS. To receive large pictures from \
      Analyze they have to raise their limit of 4 MiB for a message, such as \
      grpc.max_receive_message_length, to 64 MiB. With Python's grpcio, where riff_pb2 and \
      riff_pb2_grpc are what grpcio-tools makes of riff.proto:

      channel = grpc.insecure_channel("unix:/run/user/1000/riffd/grpc.sock")
      for event in RiffStub(channel).Generate(GenerateRequest(prompt="church bells")): ...

      SIGINT and SIGTERM let calls finish for some seconds, then end them as UNAVAILABLE.
      """,
    version: "0.1.0")

  @Option(
    help: ArgumentHelp("The daemon's socket. (default: as riff has it)", valueName: "path"))
  var socket: String?

  @Option(
    help: ArgumentHelp(
      "Path of the socket to listen on; its folder must be yours alone (mode 0700) and is made if it is "
        + "missing.", valueName: "path"))
  var listen: String

  @Option(
    name: .customLong("allow-group"),
    help: ArgumentHelp(
      "A group whose users may call, too: the folder of --listen then has that group and mode 0750, and is "
        + "made so if it is missing. A daemon of another user who shares it with the group (riffd "
        + "--allow-group) is believed, too, if --socket or $RIFF_SOCKET names it.",
      valueName: "name"))
  var allowedGroup: String?

  @Option(
    help: ArgumentHelp(
      "Seconds that calls have to finish when the program is told to end.", valueName: "seconds"))
  var grace = 10

  private static let graceRange = 0...86_400

  func validate() throws {
    guard Self.graceRange.contains(self.grace) else {
      throw ValidationError(
        "--grace must be \(Self.graceRange.lowerBound) to \(Self.graceRange.upperBound), not "
          + "\(self.grace)")
    }
  }

  func run() async throws {
    let logger = Logger(label: "riff-grpc") { StreamLogHandler.standardError(label: $0) }
    let group = try self.allowedGroup.map { try SocketGroup(named: $0) }
    let place = try SocketPlace.claim(self.listen, group: group)
    defer { place.release() }
    // Everybody in the group can make a folder where a standard path leads.
    let named = self.socket ?? RiffSocket.named()
    let daemon = named ?? RiffSocket.standardPath()
    let gateway = try Gateway(
      daemon: daemon, group: named == nil ? nil : group, listener: try Listener(place: place),
      grace: .seconds(self.grace))
    logger.info("listening", metadata: ["socket": "\(self.listen)", "daemon": "\(daemon)"])
    try await ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [.init(service: gateway)], gracefulShutdownSignals: [.sigint, .sigterm],
        logger: logger)
    ).run()
    logger.info("ended")
  }
}
