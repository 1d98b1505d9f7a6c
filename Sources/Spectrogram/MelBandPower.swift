/// What a column of mel amplitudes means in power of sound, band by band: a quadratic form of each
/// band's amplitude m and those of the two bands above it.
///
/// By Parseval's theorem a sound's mean square under the window w is 2 Σ|X|² / (L Σw²), L being the
/// transform's length; and m is the sum of |X| under a triangle that weighs n Fourier bins. Where
/// the spectrum is level across a triangle, n · (m / n)² of Σ|X|² belongs to it. A sine under wide
/// triangles is another matter: its lobe covers fewer bins than n, and two triangles share it. For
/// a lone lobe, however split, a form that gives (m₁ + m₂)² over its width is right. The factors are
/// a mean of both forms, weighted as `toneShare` says; all of them agree on a level spectrum, where
/// `square` + `neighbour` + `next` is 1 / n.
package struct MelBandPower: Sendable, Equatable {
  /// The factors of one band, for amplitudes on the 16-bit scale and sound of full scale ±1.
  package struct Band: Sendable, Equatable {
    /// Peak of the triangle in hertz.
    package var frequency: Double
    /// Of m².
    package var square = 0.0
    /// Of m times the amplitude of the band above.
    package var neighbour = 0.0
    /// Of m times the amplitude of the band above that.
    package var next = 0.0
  }

  /// Lowest first.
  package let bands: [Band]

  /// A sine's lobe under a Hann window, (Σ|X|)² / Σ|X|², in bins of the window's own length. It is
  /// 2.9; triangles that cut its feet off make it less.
  private static let lobeWidth = 2.6

  /// Weight of the form for lone lobes where triangles are wider than one: found by trial, so that
  /// neither whistles nor the blurred pictures of models are more than 1 dB off.
  private static let toneShare = 0.55

  /// - Precondition: `parameters` are valid.
  package init(_ parameters: SpectrogramParameters) {
    let filterbank = MelFilterbank(parameters)
    let windowEnergy = hannWindow(parameters.windowLength)
      .reduce(0.0) { $0 + Double($1) * Double($1) }
    let length = Double(parameters.transformLength)
    let scale = 2 / (length * windowEnergy * 32_768 * 32_768)
    let lobe = Self.lobeWidth * length / Double(parameters.windowLength)
    bands = (0..<parameters.melBins).map { bin in
      let weight = filterbank.matrix.band(bin).values.reduce(0.0) { $0 + Double($1) }
      var band = Band(frequency: filterbank.corners[bin + 1])
      // A triangle between two Fourier bins holds nothing.
      guard weight > 0, windowEnergy > 0 else { return band }
      let share = Self.toneShare * min(1, weight / lobe)
      let square = share / lobe + (1 - share) / weight
      let neighbour = 2 * share / lobe
      band.square = scale * square
      band.neighbour = scale * neighbour
      band.next = scale * (1 / weight - square - neighbour)
      return band
    }
  }
}
