#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Triangles on the HTK mel scale without norm, as torchaudio's `melscale_fbanks` makes them:
/// mel = 2595 log10(1 + hz / 700), each triangle of height 1 from its lower neighbour's peak to
/// its upper neighbour's.
struct MelFilterbank: Sendable {
  /// (mel bin, Fourier bin) for the analysis of `parameters`.
  let matrix: BandedMatrix

  /// Frequencies of the triangles' corners in hertz, bins + 2 of them.
  let corners: [Double]

  /// Frequency step of the analysis' Fourier bins in hertz.
  let binWidth: Double

  /// - Precondition: `parameters` are valid.
  init(_ parameters: SpectrogramParameters) {
    corners = Self.corners(parameters)
    let fourierBins = parameters.transformLength / 2 + 1
    // torchaudio's frequencies run from 0 to rate // 2 in equal steps, whatever the length's parity.
    binWidth = Double(parameters.sampleRate / 2) / Double(max(fourierBins - 1, 1))
    matrix = Self.triangles(corners: corners, binWidth: binWidth, columns: fourierBins)
  }

  /// Triangles with the given corners, sampled every `binWidth` hertz at `columns` points from 0.
  static func triangles(corners: [Double], binWidth: Double, columns: Int) -> BandedMatrix {
    let bands = (0..<(corners.count - 2)).map { bin -> (start: Int, values: [Float]) in
      let (low, peak, high) = (corners[bin], corners[bin + 1], corners[bin + 2])
      let first = min(Int((low / binWidth).rounded(.up)), columns)
      let end = min(Int((high / binWidth).rounded(.down)) + 1, columns)
      let values = (first..<max(first, end)).map { column -> Float in
        let frequency = Double(column) * binWidth
        return Float(
          max(0, min((frequency - low) / (peak - low), (high - frequency) / (high - peak))))
      }
      return (first, values)
    }
    return BandedMatrix(columns: columns, bands: bands)
  }

  private static func corners(_ parameters: SpectrogramParameters) -> [Double] {
    let low = mel(Double(parameters.minFrequency))
    let high = mel(Double(parameters.maxFrequency))
    let count = parameters.melBins + 2
    return (0..<count).map { hertz(low + (high - low) * Double($0) / Double(count - 1)) }
  }

  fileprivate static func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }

  fileprivate static func hertz(_ mel: Double) -> Double { 700 * (pow(10, mel / 2595) - 1) }
}

extension SpectrogramParameters {
  /// How many mel bins, and what part of another, lie below a frequency in hertz: 0 to `melBins`.
  package func binsBelow(_ frequency: Double) -> Double {
    let low = MelFilterbank.mel(Double(minFrequency))
    let high = MelFilterbank.mel(Double(maxFrequency))
    let place = (MelFilterbank.mel(max(0, frequency)) - low) / (high - low) * Double(melBins + 1)
    // A bin reaches as far below its peak as above.
    return min(Double(melBins), max(0, place - 0.5))
  }

  /// The frequency in hertz below which so many mel bins lie.
  package func frequency(aboveBins count: Int) -> Double {
    let low = MelFilterbank.mel(Double(minFrequency))
    let high = MelFilterbank.mel(Double(maxFrequency))
    return MelFilterbank.hertz(low + (high - low) * (Double(count) + 0.5) / Double(melBins + 1))
  }
}
