/// What was measured of one way to recover one picture's sound, a value a turn.
struct RecoveryFigures {
  /// By the clock.
  private(set) var seconds = Samples()
  /// Spectral convergence, and log-spectral distance in decibels.
  private(set) var convergence = Samples()
  private(set) var distance = Samples()

  mutating func add(seconds: Double, _ closeness: RecoveryPeer.Closeness?) {
    self.seconds.add(seconds)
    guard let closeness else { return }
    self.convergence.add(closeness.convergence)
    self.distance.add(closeness.distance)
  }

  /// Its line of the table; `ratios` are its shares of torchaudio's time, turn by turn.
  func line(_ picture: String, _ title: String, ratios: Samples? = nil) -> String {
    let time = "\(Samples.format(self.seconds.median)) (\(Samples.format(self.seconds.best)))"
    let figures = [ratios?.median, self.convergence.mean, self.distance.mean].map { value in
      value.map { $0.isNaN ? "" : Samples.format($0) } ?? ""
    }
    return "| \(([picture, title, time] + figures).joined(separator: " | ")) |"
  }
}
