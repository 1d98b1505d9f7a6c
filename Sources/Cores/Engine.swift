internal import Synchronization

/// The one owner of the cores and of the memory for activations: all jobs of a process compute here,
/// one at a time with all threads.
package final class Engine: Sendable {
  /// Threads that compute.
  package var threads: Int { pool.threads }

  private let pool: ComputePool
  /// Confined to whoever has the turn.
  private let arena = Mutex(Arena())

  /// - Throws: ``CoresError`` where `threads` is not 1 to 1,024 or the system has no thread to give.
  package init(threads: Int) throws(CoresError) {
    pool = try ComputePool(threads: threads)
  }

  /// Runs `body` with all cores, alone. Blocks until they are free. What `body` takes of the arena is
  /// given back when it ends.
  package func withTurn<Result: Sendable>(
    _ body: (Turn) throws -> Result
  ) rethrows -> Result {
    try arena.withLock { arena in
      defer { arena.rewind() }
      return try body(Turn(pool: pool, arena: arena))
    }
  }
}
