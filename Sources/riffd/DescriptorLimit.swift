import Dispatch
import FramedTransport

/// The connections that there are descriptors for (``OpenFileLimit``).
struct DescriptorLimit {
  /// Connections there is room for.
  var connections: Int
  /// Connections that may wait, besides, until their peers have read why they are closed.
  var lingering = 256
  /// What to tell an operator where there is room for fewer than wanted.
  var note: String?

  /// What a daemon needs besides its connections: those that linger, 128 jobs with an upload and a spooled
  /// sound each, models, and some to spare.
  private static let besides = 768

  /// Raises the soft limit as far as `wanted` connections need it and the hard limit lets it.
  init(raisedFor wanted: Int) {
    self.connections = wanted
    let needed = UInt64(wanted + Self.besides)
    guard let limit = OpenFileLimit.raise(to: needed), limit.soft < needed else { return }
    // Half of them for connections, and some of the rest for those that linger: jobs need files, too.
    let there = Int(limit.soft)
    self.lingering = min(self.lingering, there / 8)
    self.connections = min(wanted, max(1, there / 2))
    guard self.connections < wanted else { return }
    self.note =
      "\(wanted) connections need \(needed) descriptors, and the process may have \(there) "
      + "(RLIMIT_NOFILE): it takes \(self.connections) connections"
  }

  /// Opens what timers need while there are descriptors for it: Dispatch makes a descriptor for each of its
  /// clocks when a timer first runs on it, and ends the process if it cannot.
  static func reserveTimers() async {
    try? await Task.sleep(for: .nanoseconds(1), clock: .continuous)
    try? await Task.sleep(for: .nanoseconds(1), clock: .suspending)
    await withCheckedContinuation { continuation in
      DispatchQueue.global().asyncAfter(wallDeadline: .now() + .nanoseconds(1)) {
        continuation.resume()
      }
    }
    await withCheckedContinuation { continuation in
      DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(1)) {
        continuation.resume()
      }
    }
  }
}
