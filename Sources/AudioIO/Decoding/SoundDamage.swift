/// What a decoder found wrong with a file that plays nevertheless.
struct SoundDamage {
  /// Places at which something was skipped, and the seconds of sound that are gone with it.
  private(set) var places = 0
  private(set) var skipped = 0.0
  /// Where the first of them is, in seconds.
  private(set) var first = 0.0
  /// Seconds that the file says it has, and does not.
  var missing = 0.0
  /// Other sentences for the user.
  var notes: [String] = []

  /// Notes that `seconds` were skipped at a place, which may be the same as the last one.
  mutating func skip(_ seconds: Double, at place: Double, follows: Bool = false) {
    if places == 0 { first = place }
    if !follows { places += 1 }
    skipped += max(0, seconds)
  }

  /// What comes after in the same file, `seconds` later.
  mutating func append(_ other: SoundDamage, after seconds: Double) {
    if places == 0 { first = other.first + seconds }
    places += other.places
    skipped += other.skipped
    missing += other.missing
    notes += other.notes
  }

  /// A sentence for each.
  var warnings: [String] {
    var warnings = notes
    if places > 0 {
      let location = places == 1 ? "at" : "in \(places) places, the first at"
      warnings.append(
        "the file is damaged \(location) \(Seconds.text(first)) s: "
          + "\(Seconds.text(skipped)) s were skipped")
    }
    if missing >= 0.005 {
      warnings.append(
        "the file is cut off: \(Seconds.text(missing)) s that it should have are missing at its end"
      )
    }
    return warnings
  }
}

/// Times in messages.
enum Seconds {
  /// Two decimals, without a locale.
  static func text(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 1e12 else { return "\(seconds)" }
    let hundredths = Int((seconds * 100).rounded())
    let rest = abs(hundredths % 100)
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}
