/// How much work goes into a jam while others compete for the cores: it steps down at once, and up again when
/// there has been time for more during a while, so that it does not waver. Each step is told once.
package struct JamQuality {
  package enum Level: Int, Comparable {
    case full
    /// Windows are painted in fewer steps.
    case fewerSteps
    /// Phases are recovered in a third of the rounds, too.
    case draft

    package static func < (one: Level, other: Level) -> Bool { one.rawValue < other.rawValue }
  }

  /// Seconds in which there has to be time for more before more is done.
  package static let calm = 10.0

  package private(set) var level = Level.full
  /// Since when there has been time for more, and for how much at least.
  private var ease: (since: Double, level: Level)?

  package init() {}

  /// Notes what there is time for now; returns what the listener should know, if that changes something.
  ///
  /// - Parameter steps: in which a window is painted, of `full`; nil where that is not known.
  package mutating func note(
    _ possible: Level, steps: (Int, of: Int)? = nil, at now: Double
  ) -> String? {
    if possible >= self.level {
      self.ease = nil
      guard possible > self.level else { return nil }
      self.level = possible
      return self.told(steps)
    }
    let since = self.ease?.since ?? now
    let least = max(self.ease?.level ?? .full, possible)
    self.ease = (since, least)
    guard now - since >= Self.calm else { return nil }
    self.level = least
    self.ease = nil
    return self.told(steps)
  }

  private func told(_ steps: (Int, of: Int)?) -> String {
    guard self.level > .full else { return "there is time for full quality again" }
    var less: [String] = []
    if let steps, steps.0 < steps.of {
      less.append("windows are painted in \(steps.0) of \(steps.of) steps")
    }
    if self.level == .draft { less.append("a third of the work goes into the sound") }
    return "there is no time for full quality: " + less.joined(separator: ", and ")
  }
}
