/// What a job still needs of the cores, as far as it can tell.
package struct Need: Sendable, Equatable {
  /// Seconds of computing until it is done; nil where that cannot be told.
  package var remaining: Double?
  /// When its listener runs out of sound, on the engine's clock; nil where none has been promised.
  package var due: Double?
  /// Seconds that its present unit of work takes, from beginning to end.
  package var unit: Double

  package init(remaining: Double? = nil, due: Double? = nil, unit: Double = 0.1) {
    self.remaining = remaining
    self.due = due
    self.unit = unit
  }

  /// Whether the job is nearly done, or its sound is due soon.
  func isUrgent(at now: Double) -> Bool {
    if let remaining, remaining <= Self.nearlyDone { return true }
    if let due, due - now <= Self.soon { return true }
    return false
  }

  /// Seconds.
  private static let nearlyDone = 1.5
  private static let soon = 2.0
}
