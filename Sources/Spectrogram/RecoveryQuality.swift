/// How much work a phase recovery puts into its sound. The figures, and how they were measured,
/// stand in `docs/audio-recovery.md`.
public enum RecoveryQuality: String, Sendable, Codable, CaseIterable {
  /// For listening in passing.
  case draft
  /// At least as close to the picture as riffusion's own recovery.
  case normal
  /// Clearly closer, for several times the work.
  case best
}

/// The rounds that a recovery makes.
package struct RecoveryEffort: Sendable, Equatable {
  /// Rounds of Griffin-Lim for each block, 1 ... 1,000.
  package var rounds: Int
  /// How many of the last rounds work on all frames, at least 1.
  package var whole: Int
  /// Whether transforms are twice as long as the window, which lets a round see what a frame's
  /// magnitudes say about the samples outside its window: nothing should be there.
  package var padded: Bool

  package init(rounds: Int, whole: Int = 1, padded: Bool = false) {
    self.rounds = rounds
    self.whole = whole
    self.padded = padded
  }

  package init(_ quality: RecoveryQuality) {
    switch quality {
    case .draft: self.init(rounds: 12)
    case .normal: self.init(rounds: 36, whole: 3, padded: true)
    case .best: self.init(rounds: 128, whole: 3, padded: true)
    }
  }
}
