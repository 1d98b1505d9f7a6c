import Cores
import Dispatch
import Synchronization
import Testing

@Suite("The engine hands the cores from job to job")
struct EngineTests {
  /// Runs bodies on threads of their own and waits for all of them.
  private func together(_ bodies: [@Sendable () -> Void]) async {
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      let group = DispatchGroup()
      for body in bodies {
        group.enter()
        Thread.start {
          body()
          group.leave()
        }
      }
      group.notify(queue: .global()) { done.resume() }
    }
  }

  private enum Thread {
    static func start(_ body: @escaping @Sendable () -> Void) {
      DispatchQueue(label: "job").async(execute: body)
    }
  }

  @Test func oneJobComputesAtATime() async throws {
    let engine = try Engine(threads: 2)
    let inside = Atomic(0)
    let worst = Atomic(0)
    let rounds = Atomic(0)
    await together(
      (0..<6).map { number in
        {
          let seat = engine.seat(owner: UInt64(number % 3))
          for _ in 0..<50 {
            _ = try? engine.withTurn(seat) { turn in
              let count = inside.add(1, ordering: .sequentiallyConsistent).newValue
              _ = worst.max(count, ordering: .sequentiallyConsistent)
              turn.pool.run(slices: 2) { _ in rounds.add(1, ordering: .sequentiallyConsistent) }
              inside.subtract(1, ordering: .sequentiallyConsistent)
            }
          }
        }
      })
    let (most, all) = (
      worst.load(ordering: .sequentiallyConsistent), rounds.load(ordering: .sequentiallyConsistent)
    )
    #expect(most == 1)
    #expect(all == 6 * 50 * 2)
  }

  @Test func aShortJobComesInTheMiddleOfALongUnitWhoseMemoryStays() async throws {
    let engine = try Engine(threads: 2)
    let longBegan = DispatchSemaphore(value: 0)
    let shortDone = Atomic(false)
    let intact = Atomic(false)
    await together([
      {
        let seat = engine.seat(owner: 1)
        seat.set(Need(remaining: 1_000, unit: 100))
        _ = try? seat.withTurn { turn in
          let mine = try turn.arena.allocate(1_000)
          mine.update(repeating: 7, count: 1_000)
          longBegan.signal()
          while !shortDone.load(ordering: .acquiring) { try turn.checkpoint() }
          intact.store(
            (0..<1_000).allSatisfy { mine[$0] == 7 }, ordering: .sequentiallyConsistent)
        }
      },
      {
        longBegan.wait()
        let seat = engine.seat(owner: 2)
        seat.set(Need(remaining: 0.1, unit: 0.1))
        _ = try? seat.withTurn { turn in
          try turn.arena.allocate(1_000).update(repeating: 9, count: 1_000)
          shortDone.store(true, ordering: .releasing)
        }
      },
    ])
    let isIntact = intact.load(ordering: .sequentiallyConsistent)
    #expect(isIntact)
  }

  @Test func cancellingEndsBothWaitingAndComputing() async throws {
    let engine = try Engine(threads: 1)
    let computing = engine.seat(owner: 1)
    let waiting = engine.seat(owner: 2)
    let began = DispatchSemaphore(value: 0)
    let outcomes = Mutex<[String: Bool]>([:])
    await together([
      {
        do {
          try computing.withTurn { turn in
            began.signal()
            while true { try turn.checkpoint() }
          }
        } catch {
          outcomes.withLock { $0["computing"] = error is CancellationError }
        }
      },
      {
        began.wait()
        do {
          try waiting.withTurn { _ in }
        } catch {
          outcomes.withLock { $0["waiting"] = error is CancellationError }
        }
        // The line goes on without it.
        computing.cancel()
      },
      {
        // Before or while it waits: both must end it.
        waiting.cancel()
      },
    ])
    #expect(outcomes.withLock { $0 } == ["computing": true, "waiting": true])
    #expect(try engine.withTurn { _ in 5 } == 5)
    #expect(throws: CancellationError.self) { try waiting.withTurn { _ in } }
  }

  @Test func whatABodyThrowsPassesTheTurnOn() throws {
    struct Failure: Error {}
    let engine = try Engine(threads: 1)
    #expect(throws: Failure.self) { try engine.withTurn { _ in throw Failure() } }
    #expect(try engine.withTurn { _ in 1 } == 1)
  }
}
