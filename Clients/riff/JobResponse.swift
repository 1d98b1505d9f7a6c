import GRPCCore
import Provenance
import RiffProtocol

extension StreamingClientResponse<Riff_V1_JobEvent> {
  /// Takes a job's events to their destination until it is done.
  ///
  /// - Parameters:
  ///   - quiet: Whether only warnings are said.
  ///   - like: How the file was made that this one is to equal.
  func save(
    to destination: Destination, quiet: Bool = false, like: Recipe? = nil
  ) async throws {
    var output = try JobOutput(destination, quiet: quiet, like: like)
    for try await event in self.messages {
      try output.take(event)
    }
    try output.finish()
  }
}
