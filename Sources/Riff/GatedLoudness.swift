#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Integrated loudness by ITU-R BS.1770-4, annex 1, from K-weighted powers over time.
package struct GatedLoudness: Sendable {
  /// Blocks below this are silence, in LUFS.
  package static let silence: Double = -70
  /// Blocks so far below the mean of those that are not silent do not count, in LU.
  private static let relativeGate: Double = -10
  /// In seconds; each block begins a quarter of it after the one before.
  private static let blockDuration = 0.4

  /// K-weighted mean squares of the blocks, channels added.
  private let blocks: [Double]

  /// - Parameters:
  ///   - powers: K-weighted mean squares (full scale ±1), channels added, one every `step` seconds,
  ///     the first one at 0.
  ///   - duration: of the sound, in seconds. Sound shorter than a block counts as one.
  package init(powers: [Double], step: Double, duration: Double) {
    var sums = [0.0]
    for power in powers { sums.append(sums[sums.count - 1] + power) }
    /// The powers' integral up to a time, in steps: each holds for half a step on either side.
    func integral(_ seconds: Double) -> Double {
      let place = min(max(seconds / step + 0.5, 0), Double(powers.count))
      let whole = min(Int(place), powers.count - 1)
      return sums[whole] + (place - Double(whole)) * powers[whole]
    }
    guard !powers.isEmpty, step > 0, duration > 0 else {
      blocks = []
      return
    }
    let length = min(Self.blockDuration, duration)
    let count = 1 + Int((duration - length) / (Self.blockDuration / 4) + 1e-9)
    blocks = (0..<count).map { index in
      let start = Double(index) * Self.blockDuration / 4
      return max(0, integral(start + length) - integral(start)) * step / length
    }
  }

  /// In LUFS, of the sound after `gain` decibels; nil where all of it is silence.
  package func integrated(gain: Double = 0) -> Double? {
    let factor = pow(10, gain / 10)
    let audible = blocks.lazy.map { $0 * factor }.filter { Self.loudness($0) > Self.silence }
    guard let ungated = Self.mean(audible) else { return nil }
    let gate = Self.loudness(ungated) + Self.relativeGate
    return Self.mean(audible.filter { Self.loudness($0) > gate }).map(Self.loudness)
  }

  /// The gain in decibels after which the loudness is `target` LUFS; nil where all is silence, so
  /// that no gain exceeds `target` − `silence`. A gain moves what the gates let through, hence the
  /// rounds.
  package func gain(to target: Double) -> Double? {
    var gain = 0.0
    for _ in 0..<8 {
      guard let loudness = integrated(gain: gain) else { return nil }
      gain += target - loudness
    }
    return gain
  }

  private static func mean(_ powers: some Sequence<Double>) -> Double? {
    var (sum, count) = (0.0, 0)
    for power in powers {
      sum += power
      count += 1
    }
    return count > 0 ? sum / Double(count) : nil
  }

  private static func loudness(_ power: Double) -> Double { -0.691 + 10 * log10(power) }
}
