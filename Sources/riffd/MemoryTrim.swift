import ServiceLifecycle

#if canImport(Glibc)
  import CMalloc
#endif

/// Gives memory that work has left back to the system once nothing is left to do: what the engine keeps
/// for the next unit, and what was freed, of which the allocator by itself keeps most.
struct MemoryTrim: Service {
  /// What has been done so far.
  struct Work: Sendable, Equatable {
    /// Grows with everything that is begun.
    var begun: UInt64
    /// Those that are open now: one that closes leaves memory, too.
    var connections: Int
    /// Whether nothing runs now.
    var isIdle: Bool
  }

  /// Bytes from which on freed memory goes back by itself.
  private static let kept: Int32 = 1 << 20
  /// Areas of the allocator. By itself it makes eight for each core, and the free end of each stays.
  private static let areas: Int32 = 4

  /// Has the allocator give back what is freed at the end of each of its areas, and make few of them:
  /// `malloc_trim` does not look there, and unset, the limit grows with what was freed before.
  static func begin() {
    #if canImport(Glibc)
      mallopt(M_ARENA_MAX, Self.areas)
      mallopt(M_TRIM_THRESHOLD, Self.kept)
      mallopt(M_MMAP_THRESHOLD, Self.kept)
    #endif
  }

  private static let interval = Duration.milliseconds(500)
  /// Intervals after which nothing more is expected to be let go of.
  private static let patience = 64

  let work: @Sendable () -> Work
  let returnMemory: @Sendable () -> Void

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      var last: Work?
      var quiet = Self.patience
      while true {
        try await Task.sleep(for: Self.interval)
        let work = self.work()
        quiet = work == last && work.isIdle ? min(quiet + 1, Self.patience + 1) : 0
        last = work
        // Again after 1, 2, 4 … intervals: what ended just now may not have let go of everything, and a connection
        // that lingers does so seconds later.
        guard work.isIdle, quiet <= Self.patience, quiet.nonzeroBitCount <= 1 else { continue }
        self.returnMemory()
      }
    }
  }
}
