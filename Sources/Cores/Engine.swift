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
    /// The same for parts that run beside the first one of a turn, which are small.
    var sideArenas: [Arena] = []
    /// What those that wait would have done together with others'.
    var units: [TurnLine.Member: any SharedUnit] = [:]
    /// Those whose unit was done in another's turn, until they know.
    var served: Set<TurnLine.Member> = []
    /// Those whose units were done together last and who are about to ask for the next.
    var together: Set<TurnLine.Member> = []
    /// Those whose unit was just done by itself though others fit it, and who are about to ask for the next.
    var strays: Set<TurnLine.Member> = []
    /// Those of all these that the one who has the turn waits for.
    var missing: Set<TurnLine.Member> = []
    /// Units that were done in others' turns.
    var shared = 0
    /// Counts the times that the turn was kept for somebody.
    var reservation = 0
    /// How long those who had the last turn are waited for. Seconds.
    var patience = Engine.shortestPatience
  }

  /// The line must not keep a job's seat alive.
  private struct WeakSeat {
    weak var seat: Seat?
  }

  /// Threads that compute.
  package var threads: Int { pool.threads }

  /// Its threads work for whoever has the turn.
  package let pool: ComputePool
  /// Of the parts of a turn that run side by side.
  let inOrder: ComputePool
  private let state = Mutex(State())
  /// Tells the one who has the turn that nobody is missing any more.
  private let gathered = DispatchSemaphore(value: 0)
  /// Tells when a turn was kept for too long.
  private let timers = DispatchQueue(label: "riff.engine")
  /// Whether anybody waits: lets a checkpoint of a job that is alone cost next to nothing.
  private let contested = Atomic(false)
  private let epoch = ContinuousClock.now

  /// Arenas that are kept for the next turn.
  private static let keptArenas = 2
  /// A turn for units of several jobs in parts cannot be interrupted, and is to be shorter. Seconds.
  private static let longestInParts = 0.15
  /// Checkpoints look at the line no more often. Seconds.
  private static let lookInterval = 0.002
  /// How long a turn is kept for who is about to ask for it, and waits at most for those whose last unit
  /// was done together with its own: their threads need a moment to wake up. Seconds.
  private static let shortestPatience = 0.002
  /// On a machine that is busy with others they need longer. A quarter of what their turn took, which is
  /// less than they cost by themselves, is waited for, but no longer than this.
  private static let longestPatience = 0.025

  /// - Throws: ``CoresError`` where `threads` is not 1 to 1,024 or the system has no thread to give.
  package init(threads: Int) throws(CoresError) {
    pool = try ComputePool(threads: threads)
    inOrder = ComputePool(inOrder: threads)
  }

  /// Gives memory that was freed, and that of arenas that nobody uses, back to the system.
  package func returnMemory() {
    state.withLock { state in
      state.arenas = []
      state.sideArenas = []
    }
    cores_return_memory()
  }

  /// Seconds since the engine was made: the clock of ``Need/due``.
  package var now: Double { (ContinuousClock.now - epoch) / .seconds(1) }

  /// Units of work so far that were done in another job's turn.
  package var sharedUnits: Int { state.withLock { $0.shared } }

  /// Jobs that wait for their turn.
  package var waiting: Int { state.withLock { $0.line.waiting } }

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
    try acquire(seat, nil)
    let lap = TurnLap(seat, now)
    let arena = takeArena()
    defer { release(lap, arena) }
    return try body(Turn(pool: pool, arena: arena, lap: lap))
  }

  /// Has `unit` done when it is the seat's turn, or before in that of another job whose unit it fits;
  /// blocks until then. In the seat's turn `body` does it, and with it those of others that wait and
  /// fit.
  ///
  /// Where `body` throws for several, each of them is done by itself instead, so that nobody sees what
  /// is wrong with another's: it must leave the units as they were. All units that fit each other come
  /// with the same `body`.
  ///
  /// - Throws: `CancellationError` once the seat was cancelled, and what `body` throws for `unit` alone.
  package func withTurn(
    _ seat: Seat, sharing unit: any SharedUnit,
    _ body: (Turn, [any SharedUnit]) throws -> Void
  ) throws {
    guard try acquire(seat, unit) else { return }
    let lap = TurnLap(seat, now)
    gather(lap, unit)
    let arena = takeArena()
    defer { release(lap, arena, unit) }
    let turn = Turn(pool: pool, arena: arena, lap: lap)
    do {
      try body(turn, [unit] + lap.companions.map(\.unit))
    } catch  where !lap.companions.isEmpty {
      leaveBehind(lap)
      if seat.isCancelled { throw CancellationError() }
      arena.rewind()
      try body(turn, [unit])
    }
    if seat.isCancelled { throw CancellationError() }
  }

  /// Runs `body` in a turn of a job of its own.
  package func withTurn<Result>(_ body: (Turn) throws -> Result) throws -> Result {
    try withTurn(seat(), body)
  }

  /// Waits for the seat's turn; false where its unit was done in another's meanwhile.
  @discardableResult
  private func acquire(_ seat: Seat, _ unit: (any SharedUnit)?) throws(CancellationError) -> Bool {
    if seat.isCancelled { throw CancellationError() }
    let now = now
    let granted: Bool? = state.withLock { state in
      // Whoever cancels from here on finds it waiting.
      if seat.isCancelled { return nil }
      defer { contested.store(state.line.isContested, ordering: .relaxed) }
      let next = state.line.ask(seat.member, at: now)
      let granted = next == seat.member
      if !granted {
        state.units[seat.member] = unit
        wake(next, &state)
      }
      arrived(seat.member, &state)
      return granted
    }
    var isServed = false
    if granted == false {
      seat.granted.wait()
      isServed = state.withLock { $0.served.remove(seat.member) != nil }
    }
    guard seat.isCancelled else { return !isServed }
    pass(TurnLap(seat, self.now), nil)
    throw CancellationError()
  }

  /// A member that was on its way is there, or will not come.
  private func arrived(_ member: TurnLine.Member, _ state: inout State) {
    if state.missing.remove(member) != nil, state.missing.isEmpty { gathered.signal() }
  }

  /// Takes along those that wait with units that fit the one of the lap's seat, who has the turn.
  private func gather(_ lap: TurnLap, _ unit: any SharedUnit) {
    guard unit.mostTogether > 1 else { return }
    let own = lap.seat.member
    let patience: Double? = state.withLock { state in
      let others = state.together.remove(own) == nil ? [] : state.together
      state.missing = others.union(state.strays).filter { $0 != own && state.units[$0] == nil }
      return state.missing.isEmpty ? nil : state.patience
    }
    if let patience, gathered.wait(timeout: .now() + patience) == .timedOut {
      let hasJustArrived = state.withLock { state in
        defer { state.missing = [] }
        return state.missing.isEmpty
      }
      if hasJustArrived { gathered.wait() }
    }
    let now = now
    lap.companions = state.withLock { state in
      state.together = []
      state.strays = []
      let seconds = state.line.need(of: own)?.unit ?? 0
      let most = min(
        unit.mostTogether, Int(min(TurnLine.shortUnit / max(seconds, 1e-6), 1_024)))
      var companions: [TurnLap.Companion] = []
      for member in state.line.companions(of: own, at: now) where companions.count + 1 < most {
        guard let other = state.units[member], unit.fits(other),
          let seat = state.seats[member]?.seat, !seat.isCancelled
        else { continue }
        state.units[member] = nil
        companions.append(TurnLap.Companion(seat: seat, unit: other))
      }
      state.line.carry(companions.map(\.seat.member), with: own)
      lap.isBrief = seconds * Double(companions.count + 1) <= Self.longestInParts
      contested.store(state.line.isContested, ordering: .relaxed)
      return companions
    }
  }

  /// Lets the companions of a lap wait for turns of their own.
  private func leaveBehind(_ lap: TurnLap) {
    state.withLock { state in
      for companion in lap.companions {
        let seat = companion.seat
        // Whoever cancels from here on finds it waiting.
        let waits = !seat.isCancelled
        state.line.leaveBehind(seat.member, by: lap.seat.member, waits: waits)
        if !waits { seat.granted.signal() }
      }
      contested.store(state.line.isContested, ordering: .relaxed)
    }
    lap.companions = []
  }

  private func takeArena() -> Arena { state.withLock { $0.arenas.popLast() } ?? Arena() }

  /// As many arenas for parts of the lap's turn, empty; it keeps them.
  func sideArenas(_ count: Int, of lap: TurnLap) -> [Arena] {
    for arena in lap.sideArenas { arena.rewind() }
    while lap.sideArenas.count < count {
      lap.sideArenas.append(state.withLock { $0.sideArenas.popLast() } ?? Arena())
    }
    return Array(lap.sideArenas.prefix(count))
  }

  private func release(_ lap: TurnLap, _ arena: Arena, _ unit: (any SharedUnit)? = nil) {
    arena.rewind()
    for arena in lap.sideArenas { arena.rewind() }
    state.withLock { state in
      if state.arenas.count < Self.keptArenas { state.arenas.append(arena) }
      let free = threads - 1 - state.sideArenas.count
      state.sideArenas += lap.sideArenas.prefix(max(free, 0))
    }
    lap.sideArenas = []
    pass(lap, unit)
  }

  /// Ends the turn of the lap's seat, if it has it, wakes whoever is next, and tells the companions that
  /// their units are done. `unit` is what was done for the seat itself.
  private func pass(_ lap: TurnLap, _ unit: (any SharedUnit)?) {
    let now = now
    state.withLock { state in
      guard state.line.running == lap.seat.member else { return }
      let seconds = lap.account(until: now)
      state.patience =
        lap.companions.isEmpty
        ? Self.shortestPatience
        : min(max((now - lap.began) / 4, Self.shortestPatience), Self.longestPatience)
      let goesOn = unit?.goesOn == true && !lap.seat.isCancelled
      if let unit, goesOn, lap.companions.isEmpty,
        state.units.values.contains(where: { unit.fits($0) })
      {
        state.strays.insert(lap.seat.member)
      }
      let next = state.line.release(lap.seat.member, took: seconds, at: now)
      wake(next, &state)
      keepTurn(&state)
      guard !lap.companions.isEmpty else { return }
      state.together = Set(
        lap.companions.filter { $0.unit.goesOn && !$0.seat.isCancelled }.map(\.seat.member))
      if goesOn { state.together.insert(lap.seat.member) }
      state.shared += lap.companions.count
      for companion in lap.companions {
        state.served.insert(companion.seat.member)
        companion.seat.granted.signal()
      }
    }
  }

  /// Sees to it that a turn is not kept for longer than a moment.
  private func keepTurn(_ state: inout State) {
    guard state.line.isReserved else { return }
    state.reservation += 1
    let reservation = state.reservation
    timers.asyncAfter(deadline: .now() + state.patience) { [weak self] in
      guard let self else { return }
      self.state.withLock { state in
        guard state.reservation == reservation else { return }
        self.wake(state.line.giveUp(at: self.now), &state)
      }
    }
  }

  private func wake(_ member: TurnLine.Member?, _ state: inout State) {
    contested.store(state.line.isContested, ordering: .relaxed)
    // Whoever waits holds its seat.
    guard let member else { return }
    state.units[member] = nil
    state.seats[member]?.seat?.granted.signal()
  }

  func checkpoint(_ lap: TurnLap) throws(CancellationError) {
    if lap.isCancelled { throw CancellationError() }
    guard contested.load(ordering: .relaxed) else { return }
    let now = now
    guard now - lap.looked >= Self.lookInterval else { return }
    lap.looked = now
    let seconds = lap.account(until: now)
    let goesOn = state.withLock { state in
      if lap.isCancelled { return true }
      let next = state.line.reconsider(lap.seat.member, took: seconds, at: now)
      guard next != lap.seat.member else { return true }
      wake(next, &state)
      return false
    }
    if !goesOn {
      lap.seat.granted.wait()
      lap.start = self.now
      lap.looked = lap.start
    }
    if lap.isCancelled { throw CancellationError() }
  }

  func cancel(_ seat: Seat) {
    let now = now
    guard !seat.cancelled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    let waited = state.withLock { state in
      defer { contested.store(state.line.isContested, ordering: .relaxed) }
      state.together.remove(seat.member)
      state.strays.remove(seat.member)
      arrived(seat.member, &state)
      guard state.line.withdraw(seat.member) else {
        wake(state.line.giveUp(seat.member, at: now), &state)
        return false
      }
      state.units[seat.member] = nil
      return true
    }
    if waited { seat.granted.signal() }
  }

  func set(_ need: Need, of member: TurnLine.Member) {
    state.withLock { $0.line.set(need, of: member) }
  }

  func charge(_ member: TurnLine.Member, beside seconds: Double) {
    state.withLock { $0.line.charge(member, beside: seconds) }
  }

  func ahead(of member: TurnLine.Member) -> Int {
    let now = now
    return state.withLock { $0.line.ahead(of: member, at: now) }
  }

  func secondsLeft(of member: TurnLine.Member) -> Double? {
    state.withLock { $0.line.secondsLeft(of: member) }
  }

  func leave(_ member: TurnLine.Member) {
    let now = now
    state.withLock { state in
      let next = state.line.leave(member, at: now)
      state.seats[member] = nil
      state.together.remove(member)
      state.strays.remove(member)
      arrived(member, &state)
      wake(next, &state)
    }
  }
}
