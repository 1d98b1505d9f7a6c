import Foundation
import Spectrogram

/// What two sounds have in common as music: when things begin, and which notes sound.
///
/// Both figures are correlations, 1 for the same sound. Onsets: the half-wave rectified difference
/// of log mel amplitudes from one 10 ms to the next, summed over the bins (Böck and Widmer 2013,
/// without their maximum filter). Chroma: mel power between 80 Hz and 4 kHz, folded to twelve pitch
/// classes and taken as shares of the frame's sum.
struct SoundLikeness {
  private let rate: Int
  private let onsets: SpectrogramAnalyzer
  private let chroma: SpectrogramAnalyzer
  /// Pitch class of each of the chroma's mel bins.
  private let classes: [Int]

  init(rate: Int) throws {
    self.rate = rate
    onsets = try SpectrogramAnalyzer(
      SpectrogramParameters(
        sampleRate: rate, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
        melBins: 80, minFrequency: 30, maxFrequency: 10_000), threads: 2)
    let parameters = SpectrogramParameters(
      sampleRate: rate, stepMilliseconds: 40, windowMilliseconds: 200, paddedMilliseconds: 400,
      melBins: 480, minFrequency: 80, maxFrequency: 4_000)
    chroma = try SpectrogramAnalyzer(parameters, threads: 2)
    func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
    let (low, high) = (mel(80), mel(4_000))
    classes = (0..<480).map { bin in
      let at = low + (high - low) * Double(bin + 1) / 481
      let pitch = 12 * log2(700 * (pow(10, at / 2595) - 1) / 440)
      return ((Int(pitch.rounded()) % 12) + 12) % 12
    }
  }

  struct Traits {
    /// One a frame of 10 ms.
    var onsets: [Float]
    /// Twelve a frame of 40 ms.
    var chroma: [Float]
  }

  /// Of a mono sound at the rate.
  func traits(_ sound: [Float]) throws -> Traits {
    Traits(onsets: try onsets(sound), chroma: try chroma(sound))
  }

  private func onsets(_ sound: [Float]) throws -> [Float] {
    let mel = try onsets.analyze([sound])
    let floor = max(mel.maximum * 1e-3, 1e-9)
    return (0..<mel.frames).map { frame in
      guard frame > 0 else { return 0 }
      return (0..<mel.bins).reduce(Float(0)) { sum, bin in
        let place = bin * mel.frames + frame
        let (after, before) = (mel.values[place] + floor, mel.values[place - 1] + floor)
        return sum + max(0, logf(after / before))
      }
    }
  }

  private func chroma(_ sound: [Float]) throws -> [Float] {
    let mel = try chroma.analyze([sound])
    return (0..<mel.frames).flatMap { frame -> [Float] in
      var shares = [Float](repeating: 0, count: 12)
      for bin in 0..<mel.bins {
        let value = mel.values[bin * mel.frames + frame]
        shares[classes[bin]] += value * value
      }
      let sum = shares.reduce(0, +)
      return shares.map { sum > 0 ? $0 / sum - 1 / 12 : 0 }
    }
  }

  /// How loud the 30 ms are that end 20 ms before the clip's strongest onsets, against the 40 ms from
  /// each of them, in decibels: pre-echo raises it.
  static func beforeOnsets(of onsets: [Float], in sound: [Float], rate: Int) -> Double {
    let step = rate / 100
    let peaks = onsets.indices.filter { frame in
      frame >= 6 && (frame + 5) * step < sound.count
        && (max(0, frame - 5)...min(onsets.count - 1, frame + 5)).allSatisfy {
          onsets[$0] <= onsets[frame]
        }
    }.sorted { onsets[$0] > onsets[$1] }.prefix(12)
    func power(_ range: Range<Int>) -> Double {
      sound[range].reduce(1e-9) { $0 + Double($1) * Double($1) } / Double(range.count)
    }
    let ratios = peaks.map { frame in
      10
        * log10(
          power((frame - 5) * step..<(frame - 2) * step) / power(frame * step..<(frame + 4) * step))
    }
    return ratios.isEmpty ? 0 : ratios.reduce(0, +) / Double(ratios.count)
  }

  /// Pearson's correlation over what both have; 0 where one is constant.
  static func correlation(_ a: [Float], _ b: [Float]) -> Double {
    let count = min(a.count, b.count)
    guard count > 1 else { return 0 }
    let (x, y) = (a.prefix(count).map(Double.init), b.prefix(count).map(Double.init))
    let (mx, my) = (x.reduce(0, +) / Double(count), y.reduce(0, +) / Double(count))
    var (xy, xx, yy) = (0.0, 0.0, 0.0)
    for index in 0..<count {
      let (dx, dy) = (x[index] - mx, y[index] - my)
      xy += dx * dy
      xx += dx * dx
      yy += dy * dy
    }
    return xx > 0 && yy > 0 ? xy / (xx * yy).squareRoot() : 0
  }
}
