import Diffusion
import Synchronization

extension CatalogModel {
  /// Who works with a model, and how long it stays when nobody does.
  struct Usage {
    var users = 0
    var lastUse = ContinuousClock.now
    /// Seconds that the last request asked for; nil: the studio's own.
    var keepAlive: Double?
  }

  /// Notes that a job begins to work with the model.
  ///
  /// - Parameter keepAlive: seconds that it is to stay afterwards; nil leaves that to the studio.
  func begin(keepAlive: Double?) {
    self.usage.withLock { usage in
      usage.users += 1
      usage.keepAlive = keepAlive
    }
  }

  func end() {
    self.usage.withLock { usage in
      usage.users -= 1
      usage.lastUse = .now
    }
  }
}
