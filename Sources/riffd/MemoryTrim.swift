import ServiceLifecycle

#if canImport(Glibc)
  import CMalloc
#endif

/// Gives memory that work has freed back to the system once nothing is left to do. The allocator by
/// itself keeps most of it.
struct MemoryTrim: Service {
  /// What has been done so far.
  struct Work: Sendable {
    /// Grows with everything that is begun.
    var done: UInt64
    /// Whether nothing runs now.
    var isIdle: Bool
  }

  /// Bytes from which on freed memory goes back by itself.
  private static let kept: Int32 = 1 << 20

  /// Has the allocator give back what is freed at the end of each of its areas, of which it has one a thread:
  /// `malloc_trim` does not look there, and unset, the limit grows with what was freed before.
  static func begin() {
    #if canImport(Glibc)
      mallopt(M_TRIM_THRESHOLD, Self.kept)
      mallopt(M_MMAP_THRESHOLD, Self.kept)
    #endif
  }

  private static let interval = Duration.milliseconds(500)

  let work: @Sendable () -> Work

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      var done: UInt64 = 0
      var rounds = 0
      while true {
        try await Task.sleep(for: Self.interval)
        let work = self.work()
        // Twice: what ended just now may not have let go of everything yet.
        if work.done != done { rounds = 2 }
        done = work.done
        guard work.isIdle, rounds > 0 else { continue }
        rounds -= 1
        #if canImport(Glibc)
          malloc_trim(0)
        #endif
      }
    }
  }
}
