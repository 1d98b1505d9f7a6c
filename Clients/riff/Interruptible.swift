import Dispatch

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Runs `work` in a task that SIGINT and SIGTERM cancel, so that the daemon hears of it; a second
/// signal ends the process at once.
///
/// - Throws: ``Failure/interrupted`` after a signal, else what `work` throws.
func interruptible<R: Sendable>(
  _ work: @escaping @Sendable () async throws -> R
) async throws -> R {
  let task = Task { try await work() }
  let interruption = Interruption(task)
  defer { interruption.end() }
  do {
    let result = try await task.value
    return result
  } catch {
    if interruption.happened { throw Failure.interrupted }
    throw error
  }
}

/// Cancels a task when a signal comes.
private final class Interruption {
  private static let signals = [SIGINT, SIGTERM]
  private let sources: [any DispatchSourceSignal]
  private let cancelled: @Sendable () -> Bool

  var happened: Bool { self.cancelled() }

  init<R>(_ task: Task<R, any Error>) {
    self.cancelled = { task.isCancelled }
    self.sources = Self.signals.map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(
        signal: number, queue: .global(qos: .userInitiated))
      source.setEventHandler {
        if task.isCancelled { _exit(130) }
        task.cancel()
      }
      source.resume()
      return source
    }
  }

  func end() {
    for source in self.sources { source.cancel() }
    for number in Self.signals { signal(number, SIG_DFL) }
  }
}
