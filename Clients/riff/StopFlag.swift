import Synchronization

/// Tells a thread that waits to stop; set from any other.
final class StopFlag: Sendable {
  private let flag = Atomic(false)

  var isSet: Bool { self.flag.load(ordering: .relaxed) }
  func set() { self.flag.store(true, ordering: .relaxed) }
}
