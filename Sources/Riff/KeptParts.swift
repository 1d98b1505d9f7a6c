/// What of a clip stays while the rest is painted over, besides what a mask keeps.
public struct KeptParts: Sendable, Equatable {
  /// Frequencies below and above these, in hertz.
  public var belowHertz: Double?
  /// Above 0; both may be set. Rounded to the model's latents.
  public var aboveHertz: Double?
  /// In seconds from the beginning of the result.
  public var times: [RemixJob.Span] = []
  /// A sign a beat, from the first beat on, again and again: `x` stays, `-` is painted over.
  public var beats = ""

  /// Nothing stays.
  public init() {}

  var isEmpty: Bool { self == KeptParts() }

  /// Fields that are set, as requests name them.
  var fields: [String] {
    [
      ("keep_below_hz", belowHertz != nil), ("keep_above_hz", aboveHertz != nil),
      ("keep_time", !times.isEmpty), ("keep_beats", !beats.isEmpty),
    ].filter(\.1).map(\.0)
  }

  func check(_ faults: inout RequestFaults) {
    for (field, hertz) in [("keep_below_hz", belowHertz), ("keep_above_hz", aboveHertz)] {
      // Written so that NaN fails.
      if let hertz, !(hertz > 0 && hertz < .infinity) {
        faults.add(field, "\(field) must be above 0, not \(hertz)")
      }
    }
    if times.count > RequestLimits.keptTimes {
      faults.add(
        "keep_time",
        "keep_time must have at most \(RequestLimits.keptTimes) times, not \(times.count)")
    }
    for time in times.prefix(RequestLimits.keptTimes) {
      faults.checkStart("keep_time", time.startSeconds)
      if let duration = time.durationSeconds, !(duration > 0) {
        faults.add("keep_time", "keep_time must have durations above 0, not \(duration)")
      }
    }
    guard !beats.isEmpty else { return }
    if beats.utf8.count > RequestLimits.beatPattern
      || beats.contains(where: { $0 != "x" && $0 != "-" })
      || !beats.contains("x")
    {
      faults.add(
        "keep_beats",
        "keep_beats must be 1 to \(RequestLimits.beatPattern) signs, x for a beat that stays and - for "
          + "one that is painted over, at least one of them x; not “\(beats.prefix(100))”")
    }
  }
}
