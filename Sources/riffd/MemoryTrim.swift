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
