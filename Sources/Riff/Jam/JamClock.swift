/// How far a jam's listener has come, and how far ahead of it the sound may run. Times are those of ``JamTime``, in
/// seconds; places are seconds of sound.
struct JamClock {
  /// Seconds of sound that may lie between what has left and what is heard.
  static let lead = 0.5
  /// Between two reports of its own a listener is taken to play on for so long.
  private static let silence = 0.5

  /// Whether the sound leaves as it is made, whoever listens.
  let isUnpaced: Bool
  /// When the first sample was heard, as if nothing had ever been late; nil before.
  private var start: Double?
  private var report: (place: Double, time: Double)?

  init(isUnpaced: Bool) { self.isUnpaced = isUnpaced }

  /// Whether sound has left.
  var hasBegun: Bool { self.start != nil }

  /// Notes that the first sound leaves.
  mutating func begin(at now: Double) {
    if self.start == nil { self.start = now }
  }

  /// Notes what the listener says that it has heard. What cannot be is cut.
  mutating func note(played place: Double, sent: Double, at now: Double) {
    self.report = (min(max(place, self.report?.place ?? 0), sent), now)
  }

  /// What is being heard, of `sent` seconds that have left. Where a listener had nothing left to play, it
  /// goes on from there.
  mutating func playhead(sent: Double, at now: Double) -> Double {
    if self.isUnpaced { return sent }
    if let report { return min(sent, report.place + min(now - report.time, Self.silence)) }
    guard let start else { return 0 }
    if now - start > sent { self.start = now - sent }
    return min(sent, now - start)
  }

  /// Up to where sound may leave.
  mutating func limit(sent: Double, at now: Double) -> Double {
    self.isUnpaced ? .infinity : self.playhead(sent: sent, at: now) + Self.lead
  }
}
