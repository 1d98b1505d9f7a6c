import Cores
import Synchronization
import Testing

@Suite("Threads share a loop's parts by who is free")
struct ComputePoolTests {
  @Test(arguments: [1, 2, 5], [0, 1, 2, 3, 5, 100])
  func everyPartIsDoneOnce(threads: Int, parts: Int) throws {
    let pool = try ComputePool(threads: threads)
    let done = Mutex<[Int]>([])
    pool.share(parts: parts, slices: threads) { slice, part in
      #expect(0..<threads ~= slice)
      done.withLock { $0.append(part) }
    }
    #expect(done.withLock { $0.sorted() } == Array(0..<parts))
  }

  /// The first part ends only when all others are done, so somebody else must have done them.
  @Test func nobodyWaitsForAPartThatIsHeldUp() throws {
    let pool = try ComputePool(threads: 2)
    let others = Atomic<Int>(0)
    let end = ContinuousClock.now + .seconds(60)
    pool.share(parts: 10, slices: 2) { _, part in
      guard part == 0 else {
        others.add(1, ordering: .relaxed)
        return
      }
      while others.load(ordering: .relaxed) < 9, ContinuousClock.now < end {}
      #expect(others.load(ordering: .relaxed) == 9)
    }
  }
}
