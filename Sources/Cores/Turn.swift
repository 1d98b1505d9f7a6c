/// The right to use all cores for a while: the pool's threads, and memory for activations.
///
/// Only the thread that the ``Engine`` gave it to may use it, and only until it is given back.
package struct Turn {
  package let pool: ComputePool
  package let arena: Arena
  let lap: TurnLap

  /// Lets others go first if it is their turn, and comes back when it is this one's again. To be called
  /// often in long work: between two checkpoints nobody else computes.
  ///
  /// - Throws: `CancellationError` once the seat was cancelled, and with it all whose units are done in
  ///   this turn.
  package func checkpoint() throws(CancellationError) {
    try lap.seat.engine.checkpoint(lap)
  }
}

/// When the present turn of a thread began or was last accounted for, when it last looked at the line,
/// and whose units are done in it.
final class TurnLap {
  struct Companion {
    let seat: Seat
    let unit: any SharedUnit
  }

  let seat: Seat
  let began: Double
  var start: Double
  var looked: Double
  /// Jobs whose units are done together with the seat's own, and who wait for that.
  var companions: [Companion] = []

  init(_ seat: Seat, _ now: Double) {
    self.seat = seat
    began = now
    start = now
    looked = now
  }

  /// Whether nobody wants any more what is computed.
  var isCancelled: Bool {
    seat.isCancelled && companions.allSatisfy { $0.seat.isCancelled }
  }

  /// Accounts for the turn up to `now`; returns the seconds.
  func account(until now: Double) -> Double {
    let seconds = now - start
    start = now
    let share = seconds / Double(companions.count + 1)
    seat.add(share)
    for companion in companions { companion.seat.add(share) }
    return seconds
  }
}
