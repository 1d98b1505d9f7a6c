import ArgumentParser

/// A time of a sound, in seconds: "2-4.5", or "2-" for all that follows.
struct TimeSpan: Equatable {
  let start: Double
  /// After the start; nil: the sound's end.
  let end: Double?

  static let read: @Sendable (String) throws -> TimeSpan = { text in
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let start = Double(parts[0]), start >= 0, start < .infinity else {
      throw ValidationError("must be two times in seconds, such as 2-4.5")
    }
    guard !parts[1].isEmpty else { return TimeSpan(start: start, end: nil) }
    guard let end = Double(parts[1]), end > start, end < .infinity else {
      throw ValidationError("must be two times in seconds, the second one later, such as 2-4.5")
    }
    return TimeSpan(start: start, end: end)
  }
}
