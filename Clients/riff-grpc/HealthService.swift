internal import FramedTransport
internal import GRPCCore

/// gRPC's health checking: SERVING while there is a connection to the daemon or one can be made.
struct HealthService: Sendable {
  static let name = "grpc.health.v1.Health"
  /// The services of which it tells, besides the empty name, which is all of them.
  private static let services: Set<String> = ["", "riff.v1.Riff", HealthService.name]
  private static let interval = Duration.milliseconds(500)

  let daemon: FramedTransport.Client
  /// Whether the gateway is about to end.
  let isEnding: @Sendable () -> Bool

  func serve(
    _ stream: GatewayStream, _ requests: inout GatewayRequests.AsyncIterator,
    _ context: ServerContext
  ) async throws {
    var wanted: Grpc_Health_V1_HealthCheckRequest?
    while case .message(let message)? = try await requests.next() {
      wanted = try message.decode(Grpc_Health_V1_HealthCheckRequest.self)
    }
    guard let service = wanted?.service else {
      throw RPCError(code: .internalError, message: "Check and Watch take one request")
    }
    switch stream.descriptor.method {
    case "Check":
      guard Self.services.contains(service) else {
        throw RPCError(code: .notFound, message: "no service has the name \"\(service)\"")
      }
      try await stream.outbound.write(.metadata([:]))
      try await stream.respond(self.answer(service))
      try await stream.end()
    case "Watch":
      try await stream.outbound.write(.metadata([:]))
      var last: Grpc_Health_V1_HealthCheckResponse?
      while !context.cancellation.isCancelled {
        let answer = await self.answer(service)
        if answer != last { try await stream.respond(answer) }
        last = answer
        if self.isEnding() {
          throw RPCError(code: .unavailable, message: "riff-grpc is shutting down")
        }
        try await Task.sleep(for: Self.interval)
      }
    default:
      throw RPCError(
        code: .unimplemented, message: "\(Self.name) has no method \(stream.descriptor.method)")
    }
  }

  private func answer(_ service: String) async -> Grpc_Health_V1_HealthCheckResponse {
    var answer = Grpc_Health_V1_HealthCheckResponse()
    if !Self.services.contains(service) {
      answer.status = .serviceUnknown
    } else {
      answer.status = await self.isReachable ? .serving : .notServing
    }
    return answer
  }

  /// Opens a call without sending anything of it, for which there has to be a connection.
  private var isReachable: Bool {
    get async {
      let method = MethodDescriptor(fullyQualifiedService: Self.name, method: "Check")
      return (try? await self.daemon.withStream(descriptor: method, options: .defaults) { _, _ in })
        != nil
    }
  }
}
