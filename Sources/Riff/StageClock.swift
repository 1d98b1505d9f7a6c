/// Adds up the wall-clock time spent in each stage of a job.
struct StageClock {
  private var spent: [(stage: JobStage, duration: Duration)] = []
  private var current: (stage: JobStage, since: ContinuousClock.Instant)?

  /// Seconds by stage, in the order in which the stages were first entered.
  func read(at now: ContinuousClock.Instant = .now) -> [(stage: JobStage, seconds: Double)] {
    var clock = self
    clock.leave(at: now)
    return clock.spent.map { ($0.stage, $0.duration / .seconds(1)) }
  }

  /// Leaves the current stage for `stage`.
  mutating func enter(_ stage: JobStage, at now: ContinuousClock.Instant = .now) {
    guard self.current?.stage != stage else { return }
    self.leave(at: now)
    self.current = (stage, now)
  }

  private mutating func leave(at now: ContinuousClock.Instant) {
    guard let (stage, since) = self.current else { return }
    self.current = nil
    if let index = self.spent.firstIndex(where: { $0.stage == stage }) {
      self.spent[index].duration += now - since
    } else {
      self.spent.append((stage, now - since))
    }
  }
}
