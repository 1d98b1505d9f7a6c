import Foundation
import Spectrogram

/// Tells by its timbre which of some prompts a sound is of: linear discriminants that learnt on
/// fresh drawings of them, several seeds each, played the way a plain generation is.
///
/// A sound's features are mean and standard deviation over time of its mel cepstrum, level left out.
/// The classes share one covariance, shrunk towards its diagonal (Friedman 1989). What it gives is a
/// likelihood that adds up to 1 over the prompts: a figure to compare ways with, not an absolute one.
struct PromptEar {
  private static let cepstrum = 16
  private static let shrinkage = 0.3

  private let analyzer: SpectrogramAnalyzer
  private var means: [[Double]] = []
  private var inverse: [[Double]] = []
  private var scale: [Double] = []

  init(rate: Int) throws {
    analyzer = try SpectrogramAnalyzer(
      SpectrogramParameters(
        sampleRate: rate, stepMilliseconds: 20, windowMilliseconds: 80, paddedMilliseconds: 80,
        melBins: 64, minFrequency: 60, maxFrequency: 9_000), threads: 2)
  }

  /// - Parameter sounds: for each prompt, the features of its drawings.
  mutating func learn(_ drawings: [[[Double]]]) {
    let all = drawings.flatMap { $0 }
    let size = all[0].count
    scale = (0..<size).map { index in
      let values = all.map { $0[index] }
      let mean = values.reduce(0, +) / Double(values.count)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      return 1 / max(variance.squareRoot(), 1e-9)
    }
    let scaled = drawings.map { $0.map { zip($0, scale).map { $0 * $1 } } }
    means = scaled.map { group in
      (0..<size).map { index in group.reduce(0) { $0 + $1[index] } / Double(group.count) }
    }
    var covariance = Array(repeating: [Double](repeating: 0, count: size), count: size)
    var count = 0.0
    for (group, mean) in zip(scaled, means) {
      for features in group {
        let apart = zip(features, mean).map { $0 - $1 }
        for row in 0..<size {
          for column in 0..<size { covariance[row][column] += apart[row] * apart[column] }
        }
        count += 1
      }
    }
    for row in 0..<size {
      for column in 0..<size {
        covariance[row][column] *= (row == column ? 1 : 1 - Self.shrinkage) / count
      }
      covariance[row][row] += 1e-6
    }
    inverse = Self.inverted(covariance)
  }

  /// Of a sound from the middle of each prompt's drawings, in standard deviations (Mahalanobis).
  func distances(_ features: [Double]) -> [Double] {
    let features = zip(features, scale).map { $0 * $1 }
    return means.map { mean -> Double in
      let apart = zip(features, mean).map { $0 - $1 }
      let square = apart.indices.reduce(0.0) { sum, row in
        sum + apart[row] * zip(inverse[row], apart).reduce(0) { $0 + $1.0 * $1.1 }
      }
      return max(0, square).squareRoot()
    }
  }

  /// The likelihood of each prompt.
  func hear(_ features: [Double]) -> [Double] {
    let distances = distances(features).map { $0 * $0 }
    // A sound that is far from all of them says less than its distances claim: they are taken by the
    // features' number.
    let least = distances.min() ?? 0
    let shares = distances.map { exp(-(($0 - least) / 2) / max(1, least / Double(features.count))) }
    let sum = shares.reduce(0, +)
    return shares.map { $0 / sum }
  }

  /// Of a mono sound at the rate.
  func features(_ sound: [Float]) throws -> [Double] {
    let mel = try analyzer.analyze([sound])
    let floor = max(mel.maximum * 3e-3, 1e-9)
    let (bins, frames) = (mel.bins, mel.frames)
    // Frames that are near silence say nothing of timbre.
    let loudness = (0..<frames).map { frame in
      (0..<bins).reduce(Float(0)) { $0 + mel.values[$1 * frames + frame] }
    }
    let heard = loudness.indices.filter { loudness[$0] > 0.1 * (loudness.max() ?? 0) }
    let rows = heard.map { frame -> [Double] in
      let logs = (0..<bins).map { Double(logf(mel.values[$0 * frames + frame] + floor)) }
      return (1...Self.cepstrum).map { Self.cosine(logs, order: $0) }
    }
    guard !rows.isEmpty else { return Array(repeating: 0, count: 2 * Self.cepstrum) }
    var (means, deviations): ([Double], [Double]) = ([], [])
    for index in 0..<Self.cepstrum {
      let values = rows.map { $0[index] }
      let mean = values.reduce(0, +) / Double(values.count)
      let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      means.append(mean)
      deviations.append((square / Double(values.count)).squareRoot())
    }
    return means + deviations
  }

  /// One coefficient of a discrete cosine transform.
  private static func cosine(_ values: [Double], order: Int) -> Double {
    var sum = 0.0
    for (place, value) in values.enumerated() {
      sum += value * cos(Double.pi * Double(order) * (Double(place) + 0.5) / Double(values.count))
    }
    return sum / Double(values.count)
  }

  /// By Gauss and Jordan, rows pivoted. A shrunk covariance is positive definite.
  private static func inverted(_ matrix: [[Double]]) -> [[Double]] {
    let size = matrix.count
    var left = matrix
    var right = (0..<size).map { row in (0..<size).map { $0 == row ? 1.0 : 0 } }
    for column in 0..<size {
      let pivot = (column..<size).max { abs(left[$0][column]) < abs(left[$1][column]) } ?? column
      left.swapAt(column, pivot)
      right.swapAt(column, pivot)
      let scale = 1 / left[column][column]
      for index in 0..<size {
        left[column][index] *= scale
        right[column][index] *= scale
      }
      for row in 0..<size where row != column && left[row][column] != 0 {
        let factor = left[row][column]
        for index in 0..<size {
          left[row][index] -= factor * left[column][index]
          right[row][index] -= factor * right[column][index]
        }
      }
    }
    return right
  }
}
