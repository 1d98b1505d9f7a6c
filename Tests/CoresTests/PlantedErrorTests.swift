import Cores
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// What `make sanitize` is tried with: a race that it has to find.
@Suite struct RaceTests {
  /// A counter that nothing guards.
  private final class Unguarded: @unchecked Sendable {
    var count = 0
  }

  @Test("threads that share a counter lose counts; the thread sanitizer must say so")
  func planted() throws {
    // A race has no defined outcome: only where it is to be found.
    guard getenv("RIFF_PLANT_RACE") != nil else { return }
    let shared = Unguarded()
    let pool = try ComputePool(threads: 2)
    pool.run(slices: 2) { _ in
      // Long enough that the two are at it at the same time.
      for _ in 0..<50 {
        shared.count += 1
        usleep(1_000)
      }
    }
    #expect(shared.count > 0)
  }
}
