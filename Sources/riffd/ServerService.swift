import GRPCCore
import ServiceLifecycle

/// A gRPC server as a part of the service group.
struct ServerService<Transport: ServerTransport>: Service {
  let server: GRPCServer<Transport>
  /// Is called when the end begins, before running calls have their grace period.
  let ends: @Sendable () -> Void

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await self.server.serve()
    } onGracefulShutdown: {
      self.ends()
      self.server.beginGracefulShutdown()
    }
  }
}
