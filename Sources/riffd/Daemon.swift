import FramedTransport
import GRPCCore
import Logging
import Riff
import RiffServing
import ServiceLifecycle
import UnixSignals

/// The daemon's parts and the order in which they start and stop.
struct Daemon {
  var configuration: DaemonConfiguration

  /// Serves until SIGINT, SIGTERM or the idle timeout.
  ///
  /// - Throws: when the socket cannot be had: its folder is not private, or another daemon holds it.
  func run() async throws {
    let logger = Logger(label: "riffd") { StreamLogHandler.standardError(label: $0) }
    let place = try await SocketPlace.claim(self.configuration.socket) { holder in
      logger.info(
        "waiting for the daemon before to end", metadata: holder.map { ["pid": "\($0)"] } ?? [:])
    }
    // A daemon keeps no folder busy that somebody may want to unmount.
    WorkingDirectory.leave()
    let settings = self.transportConfiguration(logger)
    let transport = FramedTransport.Server(place: place, configuration: settings)
    let studio = try Studio(
      models: self.configuration.models, threads: self.configuration.threads,
      encoderName: "riffd \(DaemonVersion.current)", modelPolicy: self.configuration.modelPolicy)
    let server = GRPCServer(
      transport: transport,
      services: [
        RiffService(studio: studio, logger: logger, logPath: LogFile.path) {
          ConnectionCounts(
            connections: transport.activity.connections,
            connectionsLimit: settings.maximumConnections,
            streamsLimit: settings.maximumCallsPerConnection)
        }
      ],
      interceptors: [RequestWords()])

    let report = ModelReport(studio: studio, notes: self.configuration.notes, logger: logger)
    var services: [any Service] = [
      ServerService(server: server) { studio.close() },
      MemoryTrim {
        MemoryTrim.Work(
          done: transport.activity.callsBegun,
          isIdle: transport.activity.calls == 0 && studio.status().jobs.isEmpty)
      },
    ]
    if let timeout = self.configuration.idleTimeout {
      services.append(
        IdleWatch(timeout: timeout, logger: logger) {
          transport.activity.connections > 0 || !studio.status().jobs.isEmpty
        })
    }
    logger.info(
      "starting",
      metadata: [
        "socket": "\(self.configuration.socket)",
        "models": "\(self.configuration.models.map(\.name).joined(separator: " "))",
        "threads": "\(self.configuration.threads)",
      ])
    try await ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services.map {
          .init(
            service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .gracefullyShutdownGroup)
        } + [.init(service: report, successTerminationBehavior: .ignore)],
        gracefulShutdownSignals: [.sigint, .sigterm], logger: logger)
    ).run()
    logger.info("ended")
  }

  private func transportConfiguration(
    _ logger: Logger
  ) -> FramedTransport.Server.Configuration {
    var configuration = FramedTransport.Server.Configuration()
    configuration.gracePeriod = self.configuration.grace
    configuration.report = { logger.warning("\($0)") }
    return configuration
  }
}
