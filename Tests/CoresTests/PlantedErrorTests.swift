import Cores
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// What `make sanitize` is tried with: errors that the sanitizers have to find.
@Suite struct PlantedErrorTests {
  /// A counter that nothing guards.
  private final class Unguarded: @unchecked Sendable {
    var count = 0
  }

  @Test("threads that share a counter lose counts; the thread sanitizer must say so")
  func race() throws {
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

  @Test("the byte behind an allocation is read; the address sanitizer must say so")
  func overflow() {
    guard let planted = getenv("RIFF_PLANT_OVERFLOW") else { return }
    let size = strlen(planted)
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
    defer { bytes.deallocate() }
    bytes.initialize(repeating: 1, count: size)
    print("behind \(size) bytes: \(bytes[size])")
  }
}
