enum Stopwatch {
  /// Seconds that `body` takes.
  static func time(_ body: () throws -> Void) rethrows -> Double {
    try ContinuousClock().measure(body) / .seconds(1)
  }
}
