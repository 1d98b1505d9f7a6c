internal import Synchronization

/// The right to use all cores for a while: the pool's threads, and memory for activations.
///
/// Only the thread that the ``Engine`` gave it to may use it, and only until it is given back.
package struct Turn {
  package let pool: ComputePool
  package let arena: Arena
  let lap: TurnLap
  /// Whether it is a part of a turn whose other parts run beside it: then others cannot go first.
  var isPart = false

  /// Lets others go first if it is their turn, and comes back when it is this one's again. To be called
  /// often in long work: between two checkpoints nobody else computes.
  ///
  /// - Throws: `CancellationError` once the seat was cancelled, and with it all whose units are done in
  ///   this turn.
  package func checkpoint() throws(CancellationError) {
    guard isPart else { return try lap.seat.engine.checkpoint(lap) }
    if lap.isCancelled { throw CancellationError() }
  }

  /// In how many parts that run side by side, a thread each, equal pieces of work are done sooner than with
  /// all threads at one after the other; 1: not so. Threads that share a small piece wait for each other
  /// many times in it.
  package func parts(of pieces: Int) -> Int {
    let threads = pool.threads
    guard lap.isBrief, threads > 1, pieces >= threads else { return 1 }
    let most = (pieces + threads - 1) / threads
    return Double(most * threads) <= Self.worthIdling * Double(pieces) ? threads : 1
  }

  /// The most that a thread with a piece less than others may lose of the whole.
  private static let worthIdling = 1.15

  /// Runs `body` for each part, every one on a thread of its own, with a turn of its own: whose pool makes
  /// the same slices in order, so that the bytes are the same, and whose arena is kept, whatever it holds,
  /// until this turn ends or does so again.
  ///
  /// - Throws: what `body` throws for the first part that does; the others have ended then, too.
  package func sideBySide(
    _ parts: Int, _ body: (_ part: Int, _ turn: Turn) throws -> Void
  ) throws {
    guard parts > 1 else { return try body(0, self) }
    let engine = lap.seat.engine
    let arenas = engine.sideArenas(parts - 1, of: lap)
    let turns = ([arena] + arenas).map {
      Turn(pool: engine.inOrder, arena: $0, lap: lap, isPart: true)
    }
    let failure = Mutex<(part: Int, error: any Error)?>(nil)
    withoutActuallyEscaping(body) { body in
      // Each part has an arena of its own; of the lap they only read whether it was cancelled. All are done
      // when the pool returns.
      nonisolated(unsafe) let body = body
      nonisolated(unsafe) let turns = turns
      pool.run(slices: parts) { part in
        do {
          try body(part, turns[part])
        } catch {
          failure.withLock { if part < $0?.part ?? .max { $0 = (part, error) } }
        }
      }
    }
    if let error = failure.withLock({ $0?.error }) { throw error }
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
  /// Whether its work is expected to be so little that nobody minds who cannot go first meanwhile.
  var isBrief = false
  /// Of the parts that run beside the first one.
  var sideArenas: [Arena] = []

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
