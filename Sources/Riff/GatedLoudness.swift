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

  private let powers: [Double]
  /// `powers` added up: as many and one, from 0.
  private let sums: [Double]
  /// In seconds.
  private let step: Double
  private let duration: Double

  /// - Parameters:
  ///   - powers: K-weighted mean squares (full scale ±1), channels added, one every `step` seconds,
  ///     the first one at 0.
  ///   - step: above 0.
  ///   - duration: of the sound, in seconds. Sound shorter than a block counts as one.
  package init(powers: [Double], step: Double, duration: Double) {
    var sums = [0.0]
    for power in powers { sums.append(sums[sums.count - 1] + power) }
    self.powers = powers
    self.sums = sums
    self.step = step
    self.duration = duration
  }

  /// Mean square between two times in seconds, the second one later; channels added.
  package func power(from start: Double, to end: Double) -> Double {
    guard !powers.isEmpty, step > 0, end > start else { return 0 }
    return max(0, integral(end) - integral(start)) * step / (end - start)
  }

  /// The powers' integral up to a time, in steps: each holds for half a step on either side. There is
  /// at least one.
  private func integral(_ seconds: Double) -> Double {
    let place = min(max(seconds / step + 0.5, 0), Double(powers.count))
    let whole = min(Int(place), powers.count - 1)
    return sums[whole] + (place - Double(whole)) * powers[whole]
  }

  /// Mean squares of the blocks.
  private var blocks: [Double] {
    guard duration > 0 else { return [] }
    let length = min(Self.blockDuration, duration)
    let count = 1 + Int((duration - length) / (Self.blockDuration / 4) + 1e-9)
    return (0..<count).map { index in
      let start = Double(index) * Self.blockDuration / 4
      return power(from: start, to: start + length)
    }
  }

  /// In LUFS, of the sound after `gain` decibels; nil where all of it is silence.
  package func integrated(gain: Double = 0) -> Double? { Self.integrated(blocks, gain: gain) }

  private static func integrated(_ blocks: [Double], gain: Double) -> Double? {
    let factor = pow(10, gain / 10)
    let audible = blocks.lazy.map { $0 * factor }.filter { loudness($0) > silence }
    guard let ungated = mean(audible) else { return nil }
    let gate = loudness(ungated) + relativeGate
    return mean(audible.filter { loudness($0) > gate }).map(loudness)
  }

  /// The gain in decibels after which the loudness is `target` LUFS; nil where all is silence, so
  /// that no gain exceeds `target` − `silence`. A gain moves what the gates let through, hence the
  /// rounds.
  package func gain(to target: Double) -> Double? {
    let blocks = blocks
    var gain = 0.0
    for _ in 0..<8 {
      guard let loudness = Self.integrated(blocks, gain: gain) else { return nil }
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

  /// The mean square of a steady sound of a loudness in LUFS.
  static func power(_ loudness: Double) -> Double { pow(10, (loudness + 0.691) / 10) }

  private static func loudness(_ power: Double) -> Double { -0.691 + 10 * log10(power) }
}
