#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread for long, blocking computation, which must not occupy Swift's cooperative pool.
package enum WorkerThread {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Runs `body` on a detached thread of its own.
  ///
  /// - Throws: ``JobError`` of kind `resourceExhausted` when the system has no thread to give; then
  ///   `body` does not run.
  package static func start(_ body: @escaping @Sendable () -> Void) throws(JobError) {
    let argument = Unmanaged.passRetained(Body(body))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let status = pthread_create(&thread, nil, Self.main, argument.toOpaque())
    guard status == 0 else {
      argument.release()
      throw JobError(.resourceExhausted, "no thread can be started for the job (errno \(status))")
    }
    #if canImport(Darwin)
      if let thread { pthread_detach(thread) }
    #else
      pthread_detach(thread)
    #endif
  }

  /// Runs `body` on a thread of its own and waits for its result without blocking the caller's.
  ///
  /// - Throws: ``JobError`` of kind `resourceExhausted` when the system has no thread to give.
  static func run<R: Sendable>(_ body: @escaping @Sendable () -> R) async throws(JobError) -> R {
    let result: Result<R, JobError> = await withCheckedContinuation { continuation in
      do throws(JobError) {
        try Self.start { continuation.resume(returning: .success(body())) }
      } catch {
        continuation.resume(returning: .failure(error))
      }
    }
    return try result.get()
  }

  #if canImport(Darwin)
    private static let main: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? =
      { argument in
        // `argument` is the `Body` that `start` retained for this thread alone.
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }
  #else
    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? =
      { argument in
        // `argument` is the `Body` that `start` retained for this thread alone, never null.
        guard let argument else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }
  #endif
}
