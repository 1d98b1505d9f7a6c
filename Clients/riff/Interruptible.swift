import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Runs `work` in a task that SIGINT, SIGTERM and SIGHUP cancel, so that the daemon hears of it; a
/// second signal ends the process at once. So does the end of the one who reads standard output.
///
/// - Parameters:
///   - isReadByOthers: Whether standard output carries the result.
///   - onFirst: What the first signal does instead of cancelling, which the second one then does.
/// - Throws: ``Failure/interrupted(by:)`` after a signal, ``Failure/readerQuit``, else what `work`
///   throws.
func interruptible<R: Sendable>(
  isReadByOthers: Bool = false, onFirst: (@Sendable () -> Void)? = nil,
  _ work: @escaping @Sendable () async throws -> R
) async throws -> R {
  let task = Task { try await work() }
  let cause = InterruptionCause()
  let hasHeard = Atomic(false)
  let interruption = Interruption { number in
    if let onFirst, !hasHeard.exchange(true, ordering: .relaxed) { return onFirst() }
    if !cause.set(.interrupted(by: number)) { _exit(128 + number) }
    task.cancel()
  }
  let watch = Task {
    guard isReadByOthers, await OutputStream.readerQuit(STDOUT_FILENO) else { return }
    if cause.set(.readerQuit) { task.cancel() }
  }
  defer {
    watch.cancel()
    interruption.end()
  }
  do {
    return try await task.value
  } catch {
    throw cause.failure ?? error
  }
}

/// Why a task was cancelled: the first reason counts.
private final class InterruptionCause: Sendable {
  private let first = Mutex<Failure?>(nil)

  var failure: Failure? { self.first.withLock { $0 } }

  /// Returns whether it is the first.
  func set(_ failure: Failure) -> Bool {
    self.first.withLock { first in
      defer { first = first ?? failure }
      return first == nil
    }
  }
}

/// Calls a handler when one of the signals comes that end a process from outside.
private final class Interruption {
  private let sources: [any DispatchSourceSignal]
  private let signals: [Int32]

  init(_ happened: @escaping @Sendable (_ signal: Int32) -> Void) {
    // Who started us may have them ignored, as nohup has SIGHUP.
    self.signals = [SIGINT, SIGTERM, SIGHUP].filter { number in
      var action = sigaction()
      sigaction(number, nil, &action)
      return !Self.isIgnored(action)
    }
    self.sources = self.signals.map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(
        signal: number, queue: .global(qos: .userInitiated))
      source.setEventHandler { happened(number) }
      source.resume()
      return source
    }
  }

  func end() {
    for source in self.sources { source.cancel() }
    for number in self.signals { signal(number, SIG_DFL) }
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    #if canImport(Glibc)
      let handler = action.__sigaction_handler.sa_handler
    #elseif canImport(Musl)
      let handler = action.__sa_handler.sa_handler
    #else
      let handler = action.__sigaction_u.__sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
