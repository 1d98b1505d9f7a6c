import GRPCCore
import RiffProtocol

extension StreamingClientResponse<Riff_V1_JobEvent> {
  /// Takes a job's events to their destination until it is done.
  func save(to destination: Destination) async throws {
    var output = try JobOutput(destination)
    for try await event in self.messages {
      try output.take(event)
    }
    try output.finish()
  }
}
