internal import Dispatch

/// Threads that share work out among them, each with room of its own.
struct Workers<Scratch: AnyObject> {
  private let scratch: [Scratch]

  /// What is shared out is small: more threads than these would only wait, each with room of its own.
  private static var limit: Int { 64 }

  /// - Parameters:
  ///   - count: threads, 1 or more, of which 64 are used at most.
  ///   - make: the room of one thread.
  /// - Throws: `invalidParameter`.
  init(_ count: Int, _ make: () -> Scratch) throws(SpectrogramError) {
    guard count >= 1 else {
      throw SpectrogramError(
        .invalidParameter, field: "threads", "threads must be 1 or more, not \(count)")
    }
    scratch = (0..<min(count, Self.limit)).map { _ in make() }
  }

  /// Runs `work` for every index below `count`, each worker's in turn, and returns when all are
  /// done. Different indices must write to different places.
  func run(_ count: Int, _ work: (Int, Scratch) -> Void) {
    let threads = min(scratch.count, count)
    guard threads > 1 else {
      for index in 0..<count { work(index, scratch[0]) }
      return
    }
    withoutActuallyEscaping(work) { work in
      // Each worker has a scratch of its own, the indices of different workers differ, and all of
      // them are done when concurrentPerform returns: nothing is shared but what is only read.
      nonisolated(unsafe) let work = work
      nonisolated(unsafe) let scratch = scratch
      DispatchQueue.concurrentPerform(iterations: threads) { worker in
        for index in stride(from: worker, to: count, by: threads) { work(index, scratch[worker]) }
      }
    }
  }
}
