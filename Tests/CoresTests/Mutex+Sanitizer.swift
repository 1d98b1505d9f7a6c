#if SANITIZE_THREAD
  internal import TracedLocks

  /// Takes the place of `Synchronization.Mutex`, which the thread sanitizer does not know.
  typealias Mutex<Value: ~Copyable> = TracedMutex<Value>
#endif
