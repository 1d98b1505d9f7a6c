import CoreMetrics
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
    await DescriptorLimit.reserveTimers()
    let place = try await self.place(logger)
    let metricsPlace = try self.configuration.metrics.map {
      try SocketPlace.claim($0, program: "riffd \(DaemonVersion.current)")
    }
    let registry = metricsPlace.map { _ in PrometheusRegistry(help: DaemonMetrics.help) }
    // What the studio counts with is chosen when it is made.
    if let registry { MetricsSystem.bootstrap(registry) }
    // A daemon keeps no folder busy that somebody may want to unmount.
    WorkingDirectory.leave()
    let manager = self.configuration.manager
    let settings = self.transportConfiguration(logger) {
      manager.notify("READY=1\nSTATUS=Listening on \(place.path.text)")
    }
    let transport = FramedTransport.Server(place: place, configuration: settings)
    let studio = try Studio(
      models: self.configuration.models, loras: self.configuration.loras,
      threads: self.configuration.threads,
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
    let patience = (self.configuration.grace + .seconds(10)).components.seconds
    // They end in reverse: signs of life come as long as jobs run on.
    var services: [any Service] = [
      Heartbeat(manager: manager) {
        "\(studio.status().jobs.count) jobs, \(transport.activity.connections) connections"
      },
      ServerService(server: server) {
        studio.close()
        manager.notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=\(patience * 1_000_000)")
      },
      MemoryTrim {
        MemoryTrim.Work(
          begun: transport.activity.callsBegun, connections: transport.activity.connections,
          isIdle: transport.activity.calls == 0 && studio.status().jobs.isEmpty)
      } returnMemory: {
        studio.returnMemory()
      },
    ]
    if let timeout = self.configuration.idleTimeout {
      services.append(
        IdleWatch(timeout: timeout, logger: logger) {
          transport.activity.connections > 0 || !studio.status().jobs.isEmpty
        })
    }
    if let metricsPlace, let registry {
      let metrics = DaemonMetrics(registry: registry, studio: studio) {
        transport.activity.connections
      }
      let listener = try metricsPlace.bind()
      services.append(
        MetricsServer(place: metricsPlace, listener: listener, logger: logger) {
          try await metrics.text()
        })
    }
    logger.info(
      "starting",
      metadata: [
        "socket": "\(place.path.text)",
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

  /// Where to listen: on the service manager's socket, if it hands one over.
  private func place(_ logger: Logger) async throws -> SocketPlace {
    func waiting(for holder: Int32?) {
      logger.info(
        "waiting for the daemon before to end", metadata: holder.map { ["pid": "\($0)"] } ?? [:])
    }
    let program = "riffd \(DaemonVersion.current)"
    guard let descriptor = self.configuration.manager.listener else {
      return try await SocketPlace.claim(
        self.configuration.socket, program: program, group: self.configuration.group,
        waiting: waiting)
    }
    return try await SocketPlace.adopt(
      descriptor, program: program, group: self.configuration.group, waiting: waiting)
  }

  private func transportConfiguration(
    _ logger: Logger, listens: @escaping @Sendable () -> Void
  ) -> FramedTransport.Server.Configuration {
    var configuration = FramedTransport.Server.Configuration()
    configuration.gracePeriod = self.configuration.grace
    let limit = DescriptorLimit(raisedFor: self.configuration.maximumConnections)
    configuration.maximumConnections = limit.connections
    configuration.maximumLingering = limit.lingering
    if let note = limit.note { logger.warning("\(note)") }
    if let group = self.configuration.group { configuration.peers = .group(group) }
    configuration.report = { logger.warning("\($0)") }
    configuration.listens = listens
    return configuration
  }
}
