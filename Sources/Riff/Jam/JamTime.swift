/// What a jam takes time from, in seconds from any beginning.
package protocol JamTime: Sendable {
  var now: Double { get }

  /// Whether time passes only by what the jam is told that its work took: its parts then run one after
  /// another on one thread, and the same requests give the same jam.
  var isSimulated: Bool { get }

  /// Lets time pass, up to `time` or until something happens. Where it is not simulated, it passes by itself.
  func pass(to time: Double)

  /// Seconds that work has taken, where time is simulated.
  func cost(of work: JamWork) -> Double

  /// Hears how many sample frames have left in all.
  func note(sent samples: Int)
}

/// What takes time in a jam.
package enum JamWork: Sendable, Equatable {
  /// A denoising step, and any other unit of painting.
  case step
  case otherPainting
  /// A block of phase recovery.
  case recovery(rounds: Int)
}

extension JamTime {
  package var isSimulated: Bool { false }
  package func pass(to time: Double) {}
  package func cost(of work: JamWork) -> Double { 0 }
  package func note(sent samples: Int) {}
}
