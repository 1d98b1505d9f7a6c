import GRPCCore
import ServiceLifecycle

/// A gRPC server as a part of the service group.
struct ServerService<Transport: ServerTransport>: Service {
  let server: GRPCServer<Transport>
  /// Called when the shutdown begins.
  let onShutdown: @Sendable () -> Void

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await self.server.serve()
    } onGracefulShutdown: {
      self.server.beginGracefulShutdown()
      self.onShutdown()
    }
  }
}
