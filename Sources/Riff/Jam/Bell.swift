import Dispatch
import Synchronization

/// Wakes one thread that waits. What rings before it waits is not lost, and many rings are one.
final class Bell: Sendable {
  private let hasRung = Atomic(false)
  private let semaphore = DispatchSemaphore(value: 0)

  func ring() {
    if !self.hasRung.exchange(true, ordering: .acquiringAndReleasing) { self.semaphore.signal() }
  }

  /// Waits until it rings, no longer than `seconds`. It may return for something that is known already.
  func wait(atMost seconds: Double) {
    _ = self.semaphore.wait(timeout: .now() + max(0, seconds))
    // Whoever rings from here on finds it silent; what rang before is seen by the one who was woken.
    self.hasRung.store(false, ordering: .sequentiallyConsistent)
  }
}
