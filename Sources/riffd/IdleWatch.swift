import Logging
import ServiceLifecycle

/// Ends, and with it the daemon, when nothing has happened for a while.
struct IdleWatch: Service {
  let timeout: Duration
  let logger: Logger
  /// Whether anybody is connected or any job runs.
  let isBusy: @Sendable () -> Bool

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      let clock = ContinuousClock()
      let interval = min(.seconds(1), self.timeout / 4)
      var idleSince = clock.now
      while clock.now - idleSince < self.timeout {
        try await clock.sleep(for: interval)
        if self.isBusy() { idleSince = clock.now }
      }
      self.logger.info("idle for \(self.timeout), ending")
    }
  }
}
