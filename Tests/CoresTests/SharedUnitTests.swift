import Cores
import Dispatch
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite("Units of several jobs are done together in one turn")
struct SharedUnitTests {
  /// What is done together where the kinds are equal.
  private final class Unit: SharedUnit {
    let number: Int
    let kind: Int
    let mostTogether: Int
    let goesOn: Bool
    private let rounds = Atomic(0)

    init(_ number: Int, kind: Int = 0, most: Int = 8, goesOn: Bool = false) {
      self.number = number
      self.kind = kind
      mostTogether = most
      self.goesOn = goesOn
    }

    var done: Int { rounds.load(ordering: .sequentiallyConsistent) }

    func add() { rounds.add(1, ordering: .sequentiallyConsistent) }

    func fits(_ other: any SharedUnit) -> Bool { (other as? Unit)?.kind == kind }
  }

  private struct Failure: Error {}

  /// The numbers of units that were done together, in order.
  private final class Record: Sendable {
    private let turns = Mutex<[[Int]]>([])

    var all: [[Int]] { turns.withLock { $0 } }

    func add(_ units: [any SharedUnit]) {
      let numbers = units.compactMap { ($0 as? Unit)?.number }
      turns.withLock { $0.append(numbers) }
    }
  }

  /// Lets `jobs` wait for turns, in that order, while nobody else gets any; then lets them go and waits
  /// until they are done.
  private func crowd(
    _ engine: Engine, _ jobs: [@Sendable () -> Void], meanwhile: () -> Void = {}
  ) throws {
    let group = DispatchGroup()
    try engine.withTurn { _ in
      for (number, job) in jobs.enumerated() {
        group.enter()
        DispatchQueue(label: "job \(number)").async {
          job()
          group.leave()
        }
        while engine.waiting <= number { usleep(500) }
      }
      meanwhile()
    }
    group.wait()
  }

  @Test func thoseThatFitAreDoneInOneTurnAndPayEqualParts() throws {
    let engine = try Engine(threads: 1)
    let record = Record()
    let units = (0..<6).map { Unit($0, kind: $0 == 2 ? 1 : 0) }
    let seats = units.map { engine.seat(owner: UInt64(1 + $0.number)) }
    let began = engine.now
    try crowd(
      engine,
      units.indices.map { index in
        {
          try? seats[index].withTurn(sharing: units[index]) { _, together in
            record.add(together)
            for case let unit as Unit in together { unit.add() }
            usleep(20_000)
          }
        }
      })
    #expect(record.all == [[0, 1, 3, 4, 5], [2]])
    #expect(units.allSatisfy { $0.done == 1 })
    #expect(engine.sharedUnits == 4)
    let times = [0, 1, 3, 4, 5].map { seats[$0].seconds }
    #expect(times.allSatisfy { $0 == times[0] && $0 > 0 })
    #expect(5 * times[0] > 0.019 && seats[2].seconds > 0.019)
    // Not one second is paid twice.
    #expect(5 * times[0] + seats[2].seconds < engine.now - began)
  }

  @Test func noMoreThanTheUnitAllowsAreDoneTogether() throws {
    let engine = try Engine(threads: 1)
    let record = Record()
    let units = (0..<5).map { Unit($0, most: 2) }
    let alone = Unit(5, most: 1)
    try crowd(
      engine,
      (units + [alone]).map { unit in
        {
          try? engine.seat(owner: UInt64(1 + unit.number)).withTurn(sharing: unit) {
            record.add($1)
          }
        }
      })
    #expect(record.all.allSatisfy { $0.count <= 2 })
    #expect(record.all.joined().sorted() == [0, 1, 2, 3, 4, 5])
  }

  /// Half a second is for all of them together.
  @Test func longUnitsAreNotDoneTogether() throws {
    let engine = try Engine(threads: 1)
    let record = Record()
    let units = (0..<4).map { Unit($0) }
    try crowd(
      engine,
      units.map { unit in
        {
          let seat = engine.seat(owner: UInt64(1 + unit.number))
          seat.set(Need(remaining: 100, unit: 0.2))
          try? seat.withTurn(sharing: unit) { record.add($1) }
        }
      })
    #expect(record.all == [[0, 1], [2, 3]])
  }

  @Test func aJobWithSecondsLeftIsNotSlowedByThoseWithMinutes() throws {
    let engine = try Engine(threads: 1)
    let record = Record()
    let units = (0..<5).map { Unit($0) }
    try crowd(
      engine,
      units.map { unit in
        {
          let seat = engine.seat(owner: UInt64(1 + unit.number))
          seat.set(Need(remaining: unit.number == 3 ? 0.5 : 100, unit: 0.01))
          try? seat.withTurn(sharing: unit) { record.add($1) }
        }
      })
    #expect(record.all == [[3], [0, 1, 2, 4]])
  }

  @Test func whatFailsTogetherIsDoneAloneAndFailsForOneOnly() throws {
    let engine = try Engine(threads: 1)
    let record = Record()
    let failures = Mutex<[Int]>([])
    let units = (0..<4).map { Unit($0) }
    try crowd(
      engine,
      units.map { unit in
        {
          do {
            try engine.seat(owner: UInt64(1 + unit.number)).withTurn(sharing: unit) { _, together in
              record.add(together)
              if together.contains(where: { ($0 as? Unit)?.number == 2 }) { throw Failure() }
            }
          } catch {
            failures.withLock { $0.append(unit.number) }
          }
        }
      })
    #expect(failures.withLock { $0 } == [2])
    #expect(record.all.filter { $0.count == 1 }.joined().sorted() == [0, 1, 2, 3])
  }

  @Test func cancellingOneLeavesTheOthersTheirUnits() throws {
    for cancelled in [0, 2] {
      let engine = try Engine(threads: 1)
      let record = Record()
      let outcomes = Mutex<[Int: Bool]>([:])
      let units = (0..<4).map { Unit($0) }
      let seats = units.map { engine.seat(owner: UInt64(1 + $0.number)) }
      try crowd(
        engine,
        units.indices.map { index in
          {
            do {
              try seats[index].withTurn(sharing: units[index]) { turn, together in
                // In the middle of what is done for all of them.
                seats[cancelled].cancel()
                try turn.checkpoint()
                record.add(together)
              }
              outcomes.withLock { $0[index] = true }
            } catch {
              outcomes.withLock { $0[index] = !(error is CancellationError) }
            }
          }
        })
      #expect(record.all == [[0, 1, 2, 3]])
      #expect(
        outcomes.withLock { $0 }
          == Dictionary(uniqueKeysWithValues: (0..<4).map { ($0, $0 != cancelled) }))
      #expect(try engine.withTurn { _ in 5 } == 5)
    }
  }

  @Test func aUnitThatNobodyWantsAnyMoreEnds() throws {
    let engine = try Engine(threads: 1)
    let ended = Atomic(0)
    let units = (0..<3).map { Unit($0) }
    let seats = units.map { engine.seat(owner: UInt64(1 + $0.number)) }
    try crowd(
      engine,
      units.indices.map { index in
        {
          do {
            try seats[index].withTurn(sharing: units[index]) { turn, _ in
              for seat in seats { seat.cancel() }
              while true { try turn.checkpoint() }
            }
          } catch {
            if error is CancellationError { ended.add(1, ordering: .sequentiallyConsistent) }
          }
        }
      })
    let count = ended.load(ordering: .sequentiallyConsistent)
    #expect(count == 3)
    #expect(try engine.withTurn { _ in 5 } == 5)
  }

  @Test func aJobThatIsCancelledWhileItWaitsIsNotTakenAlong() throws {
    let engine = try Engine(threads: 1)
    let record = Record()
    let units = (0..<3).map { Unit($0) }
    let seats = units.map { engine.seat(owner: UInt64(1 + $0.number)) }
    try crowd(
      engine,
      units.indices.map { index in
        { try? seats[index].withTurn(sharing: units[index]) { record.add($1) } }
      },
      meanwhile: { seats[1].cancel() })
    #expect(record.all == [[0, 2]])
  }

  /// A leader in its middle hands the cores over; who is cancelled meanwhile does not take them from the
  /// others.
  @Test func aTurnForSeveralWaitsInItsMiddleForAShortJob() async throws {
    let engine = try Engine(threads: 1)
    let record = Record()
    let units = (0..<3).map { Unit($0) }
    let seats = units.map { engine.seat(owner: UInt64(1 + $0.number)) }
    let shortDone = Atomic(false)
    let began = DispatchSemaphore(value: 0)
    let done = DispatchGroup()
    done.enter()
    DispatchQueue(label: "short").async {
      began.wait()
      let seat = engine.seat(owner: 9)
      seat.set(Need(remaining: 0.01, unit: 0.01))
      try? seat.withTurn { _ in
        seats[0].cancel()
        shortDone.store(true, ordering: .sequentiallyConsistent)
      }
      done.leave()
    }
    let cancelled = Atomic(0)
    try crowd(
      engine,
      units.indices.map { index in
        {
          seats[index].set(Need(remaining: 100, unit: 0.01))
          do {
            try seats[index].withTurn(sharing: units[index]) { turn, together in
              began.signal()
              while !shortDone.load(ordering: .sequentiallyConsistent) { try turn.checkpoint() }
              record.add(together)
            }
          } catch {
            if error is CancellationError { cancelled.add(1, ordering: .sequentiallyConsistent) }
          }
        }
      })
    await withCheckedContinuation { continuation in
      done.notify(queue: .global()) { continuation.resume() }
    }
    let count = cancelled.load(ordering: .sequentiallyConsistent)
    #expect(record.all == [[0, 1, 2]])
    #expect(count == 1)
  }

  @Test func allUnitsOfAllJobsAreDoneOnce() throws {
    let engine = try Engine(threads: 2)
    let record = Record()
    let rounds = 40
    try crowd(
      engine,
      (0..<4).map { number in
        {
          let seat = engine.seat(owner: UInt64(1 + number))
          for round in 0..<rounds {
            try? seat.withTurn(sharing: Unit(number, goesOn: round + 1 < rounds)) {
              record.add($1)
              usleep(1_000)
            }
          }
        }
      })
    let turns = record.all
    #expect(turns.reduce(0) { $0 + $1.count } == 4 * rounds)
    for number in 0..<4 { #expect(turns.count { $0.contains(number) } == rounds) }
    #expect(engine.sharedUnits > 0)
  }
}
