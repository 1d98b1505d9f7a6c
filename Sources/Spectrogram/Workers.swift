internal import Cores

/// A pool's threads that share work out among them, each with room of its own.
struct Workers<Scratch: AnyObject> {
  private let pool: ComputePool
  let scratch: [Scratch]

  /// What is shared out is small: more threads than these would only wait, each with room of its own.
  private static var limit: Int { 64 }

  /// - Parameters:
  ///   - pool: of which 64 threads are used at most.
  ///   - make: the room of one thread.
  init(_ pool: ComputePool, _ make: () -> Scratch) {
    self.pool = pool
    scratch = (0..<min(pool.threads, Self.limit)).map { _ in make() }
  }

  /// Runs `work` for every index below `count`, each worker's in turn, and returns when all are
  /// done. Different indices must write to different places.
  func run(_ count: Int, _ work: (Int, Scratch) -> Void) {
    split(count) { index, worker in work(index, scratch[worker]) }
  }

  /// The same, told the worker instead. Each has indices that follow each other.
  func split(_ count: Int, _ work: (_ index: Int, _ worker: Int) -> Void) {
    let threads = min(scratch.count, count)
    guard threads > 1 else {
      for index in 0..<count { work(index, 0) }
      return
    }
    withoutActuallyEscaping(work) { work in
      // Each worker has a scratch of its own, the indices of different workers differ, and all of
      // them are done when the pool returns: nothing is shared but what is only read.
      nonisolated(unsafe) let work = work
      pool.run(slices: threads) { worker in
        for index in count * worker / threads..<count * (worker + 1) / threads {
          work(index, worker)
        }
      }
    }
  }
}

extension ComputePool {
  /// A pool for one job that runs by itself.
  ///
  /// - Throws: `invalidParameter`, or `outOfMemory` where the system has no threads to give.
  static func own(threads: Int) throws(SpectrogramError) -> ComputePool {
    do {
      return try ComputePool(threads: threads)
    } catch {
      throw SpectrogramError(
        error.kind == .threads ? .invalidParameter : .outOfMemory, field: "threads",
        error.message)
    }
  }
}
