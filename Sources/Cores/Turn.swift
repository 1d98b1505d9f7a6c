/// The right to use all cores for a while: the pool's threads, and memory for activations.
///
/// Only the thread that the ``Engine`` gave it to may use it, and only until it is given back.
package struct Turn {
  package let pool: ComputePool
  package let arena: Arena
  let seat: Seat
  let lap: TurnLap

  /// Lets others go first if it is their turn, and comes back when it is this one's again. To be called
  /// often in long work: between two checkpoints nobody else computes.
  ///
  /// - Throws: `CancellationError` once the seat was cancelled.
  package func checkpoint() throws(CancellationError) {
    try seat.engine.checkpoint(seat, lap)
  }
}

/// When the present turn of a thread began or was last accounted for, and when it last looked at the line.
final class TurnLap {
  var start: Double
  var looked: Double

  init(_ now: Double) {
    start = now
    looked = now
  }
}
