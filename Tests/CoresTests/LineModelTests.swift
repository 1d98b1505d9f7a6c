import Cores
import Dispatch
import Synchronization
import Testing

@Suite("By chance, thousands of times: who waits is woken, and nobody starves")
struct LineModelTests {
  @Test func whoeverWaitsIsWoken() {
    for seed in 0..<4_000 as Range<UInt64> {
      var model = LineModel(seed: seed, longUnits: seed % 2 == 0)
      for _ in 0..<4 { model.join() }
      for _ in 0..<300 where model.fault == nil { model.step() }
      model.drain()
      #expect(model.fault == nil, "seed \(seed)")
      if model.fault != nil { return }
    }
  }

  /// A turn that is kept for somebody whose thread does other things meanwhile, and nobody else is left who
  /// waits: it is free for whoever comes.
  @Test func aTurnIsNotKeptForEver() {
    var line = TurnLine()
    for member in 1...3 as ClosedRange<UInt64> { line.join(member, owner: member) }
    line.set(Need(remaining: 0.4, unit: 0.02), of: 1)
    for member in 2...3 as ClosedRange<UInt64> {
      line.set(Need(remaining: 600, unit: 0.1), of: member)
    }
    _ = line.request(1, at: 0)
    _ = line.request(2, at: 0)
    let kept = line.release(1, took: 0.02, at: 0.02)
    #expect(kept == nil && line.isReserved)
    let withdrawn = line.withdraw(2)
    let next = line.giveUp(at: 0.03)
    #expect(withdrawn && next == nil)
    let isThere = line.request(3, at: 1)
    #expect(isThere)
  }

  /// Jobs that always want the cores, some nearly done all the time, some with units of seconds.
  @Test func nobodyStarves() {
    for seed in 0..<40 as Range<UInt64> {
      var model = LineModel(seed: seed)
      var shapes: [UInt64: (unit: Double, isUrgent: Bool)] = [:]
      let count = UInt64(3 + seed % 5)
      for member in 1...count {
        model.join()
        let isLong = Bool.random(using: &model.random)
        shapes[member] = (
          Double.random(in: isLong ? 0.6...3 : 0.01...0.45, using: &model.random),
          member > 1 && Int.random(in: 0..<3, using: &model.random) == 0
        )
      }
      model.saturate(until: 1_200) { member, _ in
        let shape = shapes[member] ?? (0.1, false)
        return Need(remaining: shape.isUrgent ? 1 : 1_000, unit: shape.unit)
      }
      // Whatever the others want, each gets on, if only the quarter that the patient ones share.
      #expect(model.fault == nil, "seed \(seed)")
      #expect(model.longestWait < 400, "seed \(seed): \(model.longestWait)")
    }
  }

  /// Two jobs with short units, which an urgent one keeps interrupting in their middle, and one with long
  /// units: there is always one in its middle, and the long one has to get its turn all the same.
  @Test func shortUnitsThatAreAlwaysInTheMiddleDoNotHoldUpALongOne() {
    var line = TurnLine()
    let units: [UInt64: Double] = [1: 0.02, 2: 0.4, 3: 0.4, 4: 2]
    var left = units
    var had: [UInt64: Double] = [:]
    var now = 0.0
    for member in 1...4 as ClosedRange<UInt64> {
      line.join(member, owner: member)
      line.set(
        Need(remaining: member == 1 ? 0.1 : 1_000, unit: units[member] ?? 0), of: member)
      _ = line.request(member, at: now)
    }
    while now < 300, let member = line.running {
      now += 0.02
      had[member, default: 0] += 0.02
      left[member, default: 0] -= 0.02
      if left[member, default: 0] > 1e-9 {
        _ = line.reconsider(member, took: 0.02, at: now)
      } else {
        left[member] = units[member]
        _ = line.release(member, took: 0.02, at: now)
        _ = line.request(member, at: now)
      }
    }
    #expect(now >= 300)
    // Of the quarter that the patient ones share, each about a third.
    for member in 2...4 as ClosedRange<UInt64> {
      #expect(abs(had[member, default: 0] - 25) < 5, "\(member): \(had[member, default: 0])")
    }
  }

  /// A job that was idle beside a busy one of the same connection has saved nothing up.
  @Test func idleTimeEarnsNoCreditWithinAConnection() {
    var line = TurnLine()
    for member in 1...2 as ClosedRange<UInt64> {
      line.join(member, owner: 7)
      line.set(Need(remaining: 1_000, unit: 0.1), of: member)
    }
    var now = 0.0
    _ = line.request(2, at: now)
    while now < 60 {
      now += 0.1
      _ = line.release(2, took: 0.1, at: now)
      _ = line.request(2, at: now)
    }
    var had: [UInt64: Double] = [:]
    _ = line.request(1, at: now)
    while now < 70, let member = line.running {
      now += 0.1
      had[member, default: 0] += 0.1
      _ = line.release(member, took: 0.1, at: now)
      _ = line.request(member, at: now)
    }
    #expect(abs(had[1, default: 0] - 5) < 0.5 && abs(had[2, default: 0] - 5) < 0.5)
  }

  /// Units of one kind, done in as many parts as pays.
  private final class Unit: SharedUnit {
    let mostTogether = 4
    let goesOn: Bool
    private let rounds = Atomic(0)

    init(goesOn: Bool) { self.goesOn = goesOn }

    var done: Int { rounds.load(ordering: .sequentiallyConsistent) }

    func fits(_ other: any SharedUnit) -> Bool { other is Unit }

    static func run(_ turn: Turn, _ units: [any SharedUnit]) throws {
      let units = units.compactMap { $0 as? Unit }
      let parts = turn.parts(of: units.count)
      try turn.sideBySide(parts) { part, turn in
        try turn.checkpoint()
        for unit in units[units.count * part / parts..<units.count * (part + 1) / parts] {
          unit.rounds.add(1, ordering: .sequentiallyConsistent)
        }
      }
    }
  }

  /// The same with an engine and threads: whatever they do to each other, all of them come to their end, and
  /// the engine is free again.
  @Test func threadsOfAnEngine() async throws {
    let engine = try Engine(threads: 2)
    for seed in 0..<60 as Range<UInt64> {
      let seats = (0..<6).map { engine.seat(owner: UInt64($0 % 3)) }
      let lost = Atomic(0)
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        let group = DispatchGroup()
        for number in seats.indices {
          group.enter()
          DispatchQueue(label: "job \(number)").async {
            defer { group.leave() }
            var random = LineModel.Random(state: 100 * seed + UInt64(number))
            let seat = seats[number]
            for round in 0..<30 {
              let isUrgent = Bool.random(using: &random)
              seat.set(
                Need(
                  remaining: isUrgent ? 0.5 : 100,
                  unit: Double.random(in: 0.001...0.7, using: &random)))
              do {
                switch Int.random(in: 0..<6, using: &random) {
                case 0: try seat.withTurn { try $0.checkpoint() }
                case 1 where round > 20:
                  seats.randomElement(using: &random)?.cancel()
                default:
                  let unit = Unit(goesOn: round < 29)
                  try seat.withTurn(sharing: unit, Unit.run)
                  if unit.done != 1 { lost.add(1, ordering: .sequentiallyConsistent) }
                }
              } catch {
                if !seat.isCancelled { lost.add(1, ordering: .sequentiallyConsistent) }
                return
              }
            }
          }
        }
        group.notify(queue: .global()) { done.resume() }
      }
      #expect(lost.load(ordering: .sequentiallyConsistent) == 0, "seed \(seed)")
      #expect(engine.waiting == 0)
      #expect(try engine.withTurn { _ in 5 } == 5)
    }
  }
}
