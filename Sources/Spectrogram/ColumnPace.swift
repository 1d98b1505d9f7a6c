/// How fast a picture's columns are played, where that is not at its own step: so many columns in so many
/// samples, evenly. Pitches do not depend on it.
public struct ColumnPace: Sendable, Equatable {
  /// 1 or more.
  public let columns: Int
  /// Of 48 kHz, 1 or more.
  public let samples: Int

  /// Both must be 1 or more.
  public init(columns: Int, samples: Int) {
    precondition(columns > 0 && samples > 0)
    self.columns = columns
    self.samples = samples
  }

  static let sampleRate = 48_000
}
