/// A job's way to its listener from a thread beside its own: for sound as it is made.
struct JobOutlet: Sendable {
  let id: UInt64
  let channel: JobChannel
  let ledger: JobLedger

  /// Tells how much sound has been sent.
  func progress(secondsDone: Double) throws {
    let progress = JobProgress(stage: .sound, secondsDone: secondsDone)
    self.ledger.update(self.id, progress)
    try self.channel.send(.progress(progress))
  }

  /// Counts that the listener has run out of sound.
  func noteUnderrun() { self.ledger.metrics.underran() }

  /// Hands an event over, waiting while the listener is far behind. Only one of the job's threads sends what
  /// has a payload.
  ///
  /// - Parameters:
  ///   - seconds: of sound in the event.
  ///   - patience: seconds to wait at most.
  func send(_ event: JobEvent, seconds: Double = 0, patience: Double = .infinity) throws {
    try self.channel.send(event, seconds: seconds, patience: patience)
    self.ledger.metrics.sent(event, seconds: seconds)
  }
}
