import GRPCCore
import Riff
import RiffProtocol

/// Takes in what the caller of a jam says: how it begins, then changes for its inbox.
struct JamReceiver {
  let inbox = JamInbox()

  /// Reads requests until the caller says that no more come.
  ///
  /// - Parameter begin: Gets the first message, once.
  /// - Throws: ``JobError`` of kind `invalidArgument` when the order is not that of `riff.proto`; what the
  ///   requests and `begin` throw.
  func receive(
    _ requests: RPCAsyncSequence<Riff_V1_JamRequest, any Error>,
    _ begin: (Riff_V1_JamOptions) throws -> Void
  ) async throws {
    var hasBegun = false
    for try await request in requests {
      switch request.part {
      case .start(let options):
        guard !hasBegun else {
          throw JobError(
            .invalidArgument(field: "start"), "given twice; only the first message has it")
        }
        hasBegun = true
        try begin(options)
      case .change(let change):
        guard hasBegun else { throw Self.withoutStart }
        self.take(JamChange(change))
      case .stop:
        guard hasBegun else { throw Self.withoutStart }
        self.inbox.stop()
      case .playedSamples(let samples):
        guard hasBegun else { throw Self.withoutStart }
        self.inbox.report(played: samples)
      case nil:
        // A part of a later version of the protocol.
        continue
      }
    }
    if !hasBegun { throw Self.withoutStart }
  }

  private func take(_ change: JamChange) {
    var faults = RequestFaults()
    change.check(&faults)
    do throws(JobError) {
      try faults.throwIfAny()
      self.inbox.post(change)
    } catch {
      self.inbox.refuse("change \(change.id) was refused: \(error)")
    }
  }

  private static let withoutStart = JobError(
    .invalidArgument(field: "start"), "missing; the first message must have it")
}
