#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Phases to start from, frame after frame: every peak of a spectrum is taken for a sinusoid of
/// its own, whose phase goes on from frame to frame as its frequency says, and the bins around it
/// go with it (single-pass spectrogram inversion: Beauregard, Harish and Wyse 2015).
struct PeakPhases {
  private let bins: Int
  /// Inversion bins per bin of the recovery's transform.
  private let step: Int
  /// Samples after which a phase of one bin's width has made a turn.
  private let length: Double
  /// The phase of each bin at the middle of the frame, in turns from 0 up to 1.
  private(set) var turns: [Double]
  /// The peak whose phase each bin has.
  private var peaks: [Int]
  /// What turns a phase at the middle of a frame into one at its first sample, a complex number a
  /// bin: (bin, 2).
  private let centre: [Float]

  /// - Parameters:
  ///   - bins: of the mel inversion, `plan.inversionStep` for one of the transform's.
  ///   - seed: of the phases before the first frame.
  init(_ plan: RecoveryPlan, bins: Int, seed: UInt64) {
    self.bins = bins
    step = plan.inversionStep
    let length = Double(plan.transform * plan.inversionStep)
    self.length = length
    peaks = Array(0..<bins)
    var generator = SplitMix64(state: seed)
    turns = (0..<bins).map { _ in Double(generator.next() >> 11) / Double(UInt64(1) << 53) }
    centre = (0..<bins).flatMap { bin -> [Float] in
      let angle = -Double.pi * Double(bin) * Double(plan.window) / length
      return [Float(cos(angle)), Float(sin(angle))]
    }
  }

  /// Moves on by one frame, `distance` samples, whose peaks are those of `magnitudes`.
  mutating func next(_ magnitudes: UnsafePointer<Float>, distance: Int) {
    let advance = Double(distance) / length
    var first = 0
    var peak = nextPeak(magnitudes, after: 0)
    while first < bins {
      let following = peak.flatMap { nextPeak(magnitudes, after: $0) }
      var end = bins
      if let peak, let following {
        end = peak + 1
        for bin in (peak + 1)..<following where magnitudes[bin] < magnitudes[end] { end = bin }
      }
      if let peak {
        var turn = turns[peak] + advance * (Double(peak) + offset(magnitudes, peak: peak))
        turn -= turn.rounded(.down)
        for bin in first..<end {
          turns[bin] = turn
          peaks[bin] = peak
        }
      }
      first = end
      peak = following
    }
  }

  /// The lowest inner bin above `bin` that is larger than the one below it and not smaller than
  /// the one above.
  private func nextPeak(_ magnitudes: UnsafePointer<Float>, after bin: Int) -> Int? {
    var peak = bin + 1
    while peak < bins - 1 {
      let height = magnitudes[peak]
      if height > magnitudes[peak - 1], height >= magnitudes[peak + 1] { return peak }
      peak += 1
    }
    return nil
  }

  /// How far the top of a parabola through the logarithms of a peak and its neighbours lies from
  /// the peak, −½ ... ½ bins.
  private func offset(_ magnitudes: UnsafePointer<Float>, peak: Int) -> Double {
    let (low, high) = (magnitudes[peak - 1], magnitudes[peak + 1])
    // A peak is above zero; where a neighbour is not, no parabola fits.
    guard low > 0, high > 0 else { return 0 }
    let (a, b, c) = (log(low), log(magnitudes[peak]), log(high))
    let curvature = a - 2 * b + c
    return curvature < 0 ? Double(max(-0.5, min(0.5, (a - c) / (2 * curvature)))) : 0
  }

  /// How far each bin's phase is ahead of another one's, −½ ... ½ turns.
  func lead(over other: [Double]) -> [Double] {
    zip(turns, other).map { own, other in own - other - (own - other).rounded() }
  }

  /// Writes magnitude × phase for the transform's bins, interleaved.
  ///
  /// - Parameters:
  ///   - back: by how many turns the phase of each peak is taken back; empty: not at all.
  ///   - share: how much of that.
  func apply(
    to magnitudes: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>,
    back: [Double] = [], share: Double = 0
  ) {
    var turn = -2.0
    var (cosine, sine): (Float, Float) = (1, 0)
    for bin in stride(from: 0, to: bins, by: step) {
      // The same for all bins of a peak.
      let own = turns[bin] - (back.isEmpty ? 0 : share * back[peaks[bin]])
      if own != turn {
        turn = own
        cosine = cosf(Float(2 * Double.pi * turn))
        sine = sinf(Float(2 * Double.pi * turn))
      }
      let (re, im) = (centre[2 * bin], centre[2 * bin + 1])
      let place = 2 * (bin / step)
      output[place] = magnitudes[bin] * (cosine * re - sine * im)
      output[place + 1] = magnitudes[bin] * (cosine * im + sine * re)
    }
  }
}
