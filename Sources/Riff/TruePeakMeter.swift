internal import CSpectrogramKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How high a sound reaches between its samples: fourfold oversampling, as ITU-R BS.1770-4, annex
/// 2, measures true peaks. Its filter is free within limits; this one is a sinc under a Kaiser
/// window.
struct TruePeakMeter {
  /// Samples by which peaks come later than the samples they belong to.
  static let delay = 16
  private static let taps = 2 * delay
  /// Coefficients of the three points between two samples: the sound at ¼, ½ and ¾ of the way.
  private static let phases: [[Float]] = [0.25, 0.5, 0.75].map(coefficients)

  /// The last samples of each channel, `taps` of them.
  private var history: [[Float]]
  /// The peak between the last two samples whose peak is known.
  private var before: Float = 0

  init(channels: Int) {
    history = Array(repeating: [Float](repeating: 0, count: Self.taps), count: channels)
  }

  /// Takes the next samples of all channels and returns as many peaks: number i is the highest
  /// magnitude of any channel at sample i − `delay` and on the way to either neighbour of it.
  mutating func peaks(_ channels: [[Float]]) -> [Float] {
    let count = channels.first?.count ?? 0
    // Between sample i - delay and its follower, and at that sample.
    var ahead = [Float](repeating: 0, count: count)
    var samples = [Float](repeating: 0, count: count)
    for (channel, values) in channels.enumerated() {
      let sound = history[channel] + values
      history[channel] = Array(sound.suffix(Self.taps))
      for index in samples.indices {
        samples[index] = max(samples[index], abs(sound[Self.taps - Self.delay + index]))
      }
      for phase in Self.phases { Self.raise(&ahead, to: sound, phase) }
    }
    var peaks = samples
    for index in peaks.indices {
      peaks[index] = max(peaks[index], before, ahead[index])
      before = ahead[index]
    }
    return peaks
  }

  /// Raises peaks to the sound at one phase on the way from sample i - delay to its follower, for every new i.
  private static func raise(_ peaks: inout [Float], to sound: [Float], _ phase: [Float]) {
    // The outermost coefficient meets the sample that follows i - delay by `delay`, which is i: so the taps of
    // result i are sound[i + 1 ... i + taps], and sound holds count + taps.
    precondition(sound.count >= peaks.count + phase.count)
    sound.withUnsafeBufferPointer { sound in
      // There are taps, so sound is not empty.
      guard let start = sound.baseAddress else { return }
      spectrogram_raise_filtered(start + 1, phase, phase.count, &peaks, peaks.count)
    }
  }

  /// Of a point `phase` of the way from one sample to the next, first for the sample `delay` - 1
  /// before the one; their sum is 1.
  private static func coefficients(_ phase: Double) -> [Float] {
    let beta = 6.0
    let values = (0..<taps).map { tap -> Double in
      let distance = Double(tap - delay + 1) - phase
      let place = distance / Double(delay)
      let window = bessel(beta * max(0, 1 - place * place).squareRoot()) / bessel(beta)
      return sin(.pi * distance) / (.pi * distance) * window
    }
    let sum = values.reduce(0, +)
    return values.map { Float($0 / sum) }
  }

  /// The modified Bessel function of the first kind, order 0, by its power series.
  private static func bessel(_ x: Double) -> Double {
    var (sum, term, index) = (1.0, 1.0, 1.0)
    while term > 1e-12 * sum {
      term *= (x / 2 / index) * (x / 2 / index)
      sum += term
      index += 1
    }
    return sum
  }
}
