internal import CCores
internal import Dispatch
internal import Synchronization

/// The one owner of the cores and of the memory for activations: all jobs of a process compute here,
/// one at a time with all threads, and take turns by units of work (``TurnLine``).
package final class Engine: Sendable {
  private struct State {
    var line = TurnLine()
    var seats: [TurnLine.Member: WeakSeat] = [:]
    var next: TurnLine.Member = 1
    /// Arenas that nobody uses.
    var arenas: [Arena] = []
  }

  /// The line must not keep a job's seat alive.
  private struct WeakSeat {
    weak var seat: Seat?
  }

  /// Threads that compute.
  package var threads: Int { pool.threads }

  /// Its threads work for whoever has the turn.
  package let pool: ComputePool
  private let state = Mutex(State())
  /// Whether anybody waits: lets a checkpoint of a job that is alone cost next to nothing.
  private let contested = Atomic(false)
  private let epoch = ContinuousClock.now

  /// Arenas that are kept for the next turn.
  private static let keptArenas = 2
  /// Checkpoints look at the line no more often. Seconds.
  private static let lookInterval = 0.002

  /// - Throws: ``CoresError`` where `threads` is not 1 to 1,024 or the system has no thread to give.
  package init(threads: Int) throws(CoresError) {
    pool = try ComputePool(threads: threads)
  }

  /// Gives memory that was freed, and that of arenas that nobody uses, back to the system.
  package func returnMemory() {
    state.withLock { $0.arenas = [] }
    cores_return_memory()
  }

  /// Seconds since the engine was made: the clock of ``Need/due``.
  package var now: Double { (ContinuousClock.now - epoch) / .seconds(1) }

  /// A place in the line for one job of `owner`: the connection that it came by.
  package func seat(owner: UInt64 = 0) -> Seat {
    state.withLock { state in
      let seat = Seat(self, state.next)
      state.next += 1
      state.line.join(seat.member, owner: owner)
      state.seats[seat.member] = WeakSeat(seat: seat)
      return seat
    }
  }

  /// Runs `body` with all cores when it is the seat's turn; blocks until then. What `body` takes of the
  /// arena is given back when it ends.
  ///
  /// - Throws: `CancellationError` once the seat was cancelled, and what `body` throws.
  package func withTurn<Result>(
    _ seat: Seat, _ body: (Turn) throws -> Result
  ) throws -> Result {
    try acquire(seat)
    let lap = TurnLap(now)
    let arena = state.withLock { $0.arenas.popLast() } ?? Arena()
    defer {
      arena.rewind()
      release(seat, lap, arena)
    }
    return try body(Turn(pool: pool, arena: arena, seat: seat, lap: lap))
  }

  /// Runs `body` in a turn of a job of its own.
  package func withTurn<Result>(_ body: (Turn) throws -> Result) throws -> Result {
    try withTurn(seat(), body)
  }

  private func acquire(_ seat: Seat) throws(CancellationError) {
    if seat.isCancelled { throw CancellationError() }
    let now = now
    let granted: Bool? = state.withLock { state in
      // Whoever cancels from here on finds it waiting.
      if seat.isCancelled { return nil }
      defer { contested.store(state.line.isContested, ordering: .relaxed) }
      return state.line.request(seat.member, at: now)
    }
    if granted == false { seat.granted.wait() }
    guard seat.isCancelled else { return }
    pass(seat, took: 0)
    throw CancellationError()
  }

  private func release(_ seat: Seat, _ lap: TurnLap, _ arena: Arena) {
    let seconds = now - lap.start
    state.withLock { state in
      if state.arenas.count < Self.keptArenas { state.arenas.append(arena) }
    }
    pass(seat, took: seconds)
  }

  /// Ends the seat's turn, if it has it, and wakes whoever is next.
  private func pass(_ seat: Seat, took seconds: Double) {
    let now = now
    let isRunning = state.withLock { state in
      guard state.line.running == seat.member else { return false }
      let next = state.line.release(seat.member, took: seconds, at: now)
      wake(next, state)
      return true
    }
    if isRunning { seat.add(seconds) }
  }

  private func wake(_ member: TurnLine.Member?, _ state: State) {
    contested.store(state.line.isContested, ordering: .relaxed)
    // Whoever waits holds its seat.
    if let member { state.seats[member]?.seat?.granted.signal() }
  }

  func checkpoint(_ seat: Seat, _ lap: TurnLap) throws(CancellationError) {
    if seat.isCancelled { throw CancellationError() }
    guard contested.load(ordering: .relaxed) else { return }
    let now = now
    guard now - lap.looked >= Self.lookInterval else { return }
    lap.looked = now
    let seconds = now - lap.start
    lap.start = now
    seat.add(seconds)
    let goesOn = state.withLock { state in
      if seat.isCancelled { return true }
      let next = state.line.reconsider(seat.member, took: seconds, at: now)
      guard next != seat.member else { return true }
      wake(next, state)
      return false
    }
    if !goesOn {
      seat.granted.wait()
      lap.start = self.now
      lap.looked = lap.start
    }
    if seat.isCancelled { throw CancellationError() }
  }

  func cancel(_ seat: Seat) {
    guard !seat.cancelled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    let waited = state.withLock { state in
      defer { contested.store(state.line.isContested, ordering: .relaxed) }
      return state.line.withdraw(seat.member)
    }
    if waited { seat.granted.signal() }
  }

  func set(_ need: Need, of member: TurnLine.Member) {
    state.withLock { $0.line.set(need, of: member) }
  }

  func ahead(of member: TurnLine.Member) -> Int {
    let now = now
    return state.withLock { $0.line.ahead(of: member, at: now) }
  }

  func secondsLeft(of member: TurnLine.Member) -> Double? {
    state.withLock { $0.line.secondsLeft(of: member) }
  }

  func leave(_ member: TurnLine.Member) {
    state.withLock { state in
      state.line.leave(member)
      state.seats[member] = nil
    }
  }
}
