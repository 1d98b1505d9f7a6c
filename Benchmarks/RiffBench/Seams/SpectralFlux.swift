import Spectrogram

/// How much begins at each moment of a sound: the rises of its mel amplitudes, compressed, from one 10 ms to
/// the next, summed over the bins, all channels together.
struct SpectralFlux {
  static let step = 0.01
  let values: [Double]

  /// Of a sound at 48 kHz, (channel, sample).
  init(_ sound: [[Float]], threads: Int) throws {
    let parameters = SpectrogramParameters(
      sampleRate: 48_000, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
      melBins: 128, minFrequency: 0, maxFrequency: 20_000)
    let analyzer = try SpectrogramAnalyzer(parameters, threads: threads)
    var flux: [Double] = []
    for channel in sound {
      let mel = try analyzer.analyze([channel])
      if flux.isEmpty { flux = Array(repeating: 0, count: mel.frames) }
      for frame in 1..<max(1, mel.frames) {
        for bin in 0..<mel.bins {
          let place = bin * mel.frames + frame
          flux[frame] += max(
            0, Double(mel.values[place].squareRoot() - mel.values[place - 1].squareRoot()))
        }
      }
    }
    values = flux
  }

  /// The largest from one time to another, in seconds; nil where the sound is not there.
  func peak(from start: Double, to end: Double) -> Double? {
    let (first, last) = (Int(start / Self.step), Int((end / Self.step).rounded(.up)))
    guard first >= 0, first < last, last <= values.count else { return nil }
    return values[first..<last].max()
  }

  /// How the largest rise at joints compares with that in as long parts of the inside: the median of the
  /// parts is 1.
  func compare(_ joints: [(start: Double, end: Double)]) -> (
    joints: [Double], inside95: Double, insideMost: Double
  )? {
    guard let length = joints.map({ $0.end - $0.start }).max() else { return nil }
    let duration = Double(values.count) * Self.step
    let inside = stride(from: 0, to: duration - length, by: length / 2).compactMap { start in
      let end = start + length
      return joints.contains { $0.start < end && start < $0.end } ? nil : peak(from: start, to: end)
    }.sorted()
    guard !inside.isEmpty, inside[inside.count / 2] > 0 else { return nil }
    let median = inside[inside.count / 2]
    return (
      joints.compactMap { peak(from: $0.start, to: $0.end) }.map { $0 / median }.sorted(),
      inside[inside.count * 95 / 100] / median, (inside.last ?? 0) / median
    )
  }
}
