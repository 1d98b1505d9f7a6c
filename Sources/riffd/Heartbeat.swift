import ServiceLifecycle

/// Tells the service manager that the daemon is alive, twice in each of the watchdog's periods.
struct Heartbeat: Service {
  let manager: ServiceManager
  /// What the daemon is doing. It is asked before each sign of life: a daemon that cannot say is not alive.
  let status: @Sendable () -> String

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        // Without a watchdog there is nothing to do until the end.
        try await Task.sleep(for: self.manager.watchdog.map { $0 / 2 } ?? .seconds(86_400))
        self.manager.notify("WATCHDOG=1\nSTATUS=\(self.status())")
      }
    }
  }
}
