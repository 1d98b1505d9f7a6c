internal import Dispatch
internal import Synchronization

/// A job's place in the ``Engine``'s line. One thread at a time asks for turns with it; any may cancel.
package final class Seat: Sendable {
  let engine: Engine
  let member: TurnLine.Member
  let granted = DispatchSemaphore(value: 0)
  let cancelled = Atomic(false)
  private let nanoseconds = Atomic<UInt64>(0)

  init(_ engine: Engine, _ member: TurnLine.Member) {
    self.engine = engine
    self.member = member
  }

  deinit { engine.leave(member) }

  /// Seconds of the cores that it has had.
  package var seconds: Double { 1e-9 * Double(nanoseconds.load(ordering: .relaxed)) }

  /// The engine's clock, in seconds.
  package var now: Double { engine.now }
  /// Works for whoever has the turn.
  package var pool: ComputePool { engine.pool }

  func add(_ seconds: Double) {
    nanoseconds.add(UInt64(max(0, 1e9 * seconds)), ordering: .relaxed)
  }

  /// Accounts for work of one thread beside the turns, in seconds of that thread's processor time: it counts as
  /// its part of all cores' time. Any thread may call it.
  package func charge(threadSeconds: Double) {
    let seconds = max(0, threadSeconds) / Double(engine.threads)
    add(seconds)
    engine.charge(member, beside: seconds)
  }

  package var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

  /// Ends what runs in its turn at the next checkpoint, and its waiting at once.
  package func cancel() { engine.cancel(self) }

  /// Tells the line what the job still needs.
  package func set(_ need: Need) { engine.set(need, of: member) }

  /// Runs `body` with all cores when it is this seat's turn; see ``Engine/withTurn(_:_:)``.
  package func withTurn<Result>(_ body: (Turn) throws -> Result) throws -> Result {
    try engine.withTurn(self, body)
  }

  /// The same for a unit that may be done together with others'; see
  /// ``Engine/withTurn(_:sharing:_:)``.
  package func withTurn(
    sharing unit: any SharedUnit, _ body: (Turn, [any SharedUnit]) throws -> Void
  ) throws {
    try engine.withTurn(self, sharing: unit, body)
  }

  /// An estimate of the seconds until the job is done, the others taken into account; nil where the job
  /// does not know what it needs.
  package var secondsLeft: Double? { engine.secondsLeft(of: member) }

  /// Jobs that are to be served before this one, in all their turns.
  package var ahead: Int { engine.ahead(of: member) }
}
