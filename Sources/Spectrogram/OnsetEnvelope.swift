/// How much begins at each moment of a sound: the rises of its compressed mel amplitudes from one
/// frame to the next, summed over the bins (spectral flux; Bello et al. 2005, section III-B), less
/// their mean over the second around, in standard deviations.
public struct OnsetEnvelope: Sendable, Equatable {
  /// 0 or more, one a frame.
  public let values: [Float]
  /// Seconds from one value to the next.
  public let step: Double
  /// Seconds from the sound's beginning to the first value's moment. A rise is steepest a quarter of a
  /// window before the window's middle reaches what begins.
  public let start: Double
  /// How much begins at all: the standard deviation of the rises, of the mean of all amplitudes, on the same
  /// compressed scale; 0 of silence.
  public let change: Double

  /// - Parameters:
  ///   - source: a picture, or an analysis.
  ///   - parameters: how it was made.
  public init(_ source: some MelFrames, parameters: SpectrogramParameters) {
    step = Double(parameters.stepMilliseconds) / 1_000
    start = Double(parameters.windowMilliseconds) / 4_000 - step / 2
    let (bins, frames) = (source.bins, source.frames)
    var rises = [Float](repeating: 0, count: frames)
    var level = 0.0
    let tile = 256
    let amplitudes = AlignedBuffer(bins * (tile + 1))
    for first in stride(from: 0, to: frames, by: tile) {
      // One frame before the tile, for the difference.
      let from = max(0, first - 1)
      let range = from..<min(first + tile, frames)
      for channel in 0..<source.channels {
        source.copyFrames(range, channel: channel, to: amplitudes.pointer, stride: range.count)
        for bin in 0..<bins {
          let row = amplitudes.pointer + bin * range.count
          // A compressed scale, on which quiet beginnings count as well.
          for place in 0..<range.count {
            row[place] = row[place].squareRoot()
            level += Double(row[place])
          }
          for place in 1..<max(1, range.count) {
            rises[from + place] += max(0, row[place] - row[place - 1])
          }
        }
      }
    }
    let apart = Self.apart(rises, around: Int((0.5 / step).rounded()))
    let deviation =
      (apart.reduce(0) { $0 + $1 * $1 } / Double(max(1, apart.count))).squareRoot()
    values = apart.map { deviation > 0 ? Float(max(0, $0 / deviation)) : 0 }
    change = level > 0 ? deviation / (level / Double(max(1, frames))) : 0
  }

  /// Less the mean of as many values on each side.
  private static func apart(_ rises: [Float], around reach: Int) -> [Double] {
    var sums = [0.0]
    for rise in rises { sums.append(sums[sums.count - 1] + Double(rise)) }
    return rises.indices.map { index -> Double in
      let (low, high) = (max(0, index - reach), min(rises.count, index + reach + 1))
      return Double(rises[index]) - (sums[high] - sums[low]) / Double(high - low)
    }
  }
}
