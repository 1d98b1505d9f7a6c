import Spectrogram

/// Spectrogram parameters that a request sets; what is `nil` keeps the value from elsewhere.
/// `riff.proto` tells units and ranges.
public struct SpectrogramOverrides: Sendable, Equatable {
  /// Hertz, 1,000 to 384,000; sound is resampled to it.
  public var sampleRate: Int?
  /// Whether green and blue are left and right, red empty; else one channel.
  public var stereo: Bool?
  /// A column's, 1 to 500.
  public var stepMilliseconds: Int?
  /// The Hann window's: 2 to 64 steps, at most 1,000.
  public var windowMilliseconds: Int?
  /// The transform's: at least the window's, at most 2,000.
  public var paddedMilliseconds: Int?
  /// Rows, 1 to 4,096; a picture that is rendered has its own.
  public var melBins: Int?
  /// Hertz, 0 or more.
  public var minFrequency: Int?
  /// Hertz, above ``minFrequency``.
  public var maxFrequency: Int?
  /// Exponent from mel amplitude to grey level, 0.05 to 4.
  public var power: Double?
  /// Mel amplitude of black on the 16-bit scale, above 0, at most 1e12; heeded where pictures are
  /// rendered.
  public var maximum: Double?

  /// All of them unset.
  public init() {}

  /// Notes what can be in no picture, whatever the parameters that are not set.
  func check(_ faults: inout RequestFaults) {
    faults.check("sample_rate", self.sampleRate, SpectrogramParameters.sampleRates)
    faults.check("step_ms", self.stepMilliseconds, SpectrogramParameters.steps)
    faults.check("mel_bins", self.melBins, SpectrogramParameters.bins)
    faults.check("power", self.power, SpectrogramParameters.powers)
    // Written so that NaN fails.
    if let maximum, !(maximum > 0 && maximum <= RequestLimits.maximumAmplitude) {
      faults.add(
        "maximum",
        "maximum must be above 0 and at most \(RequestLimits.maximumAmplitude), not \(maximum)")
    }
  }

  /// `parameters` with what is set here in their place.
  func applied(to parameters: SpectrogramParameters) -> SpectrogramParameters {
    SpectrogramParameters(
      sampleRate: self.sampleRate ?? parameters.sampleRate,
      stereo: self.stereo ?? parameters.stereo,
      stepMilliseconds: self.stepMilliseconds ?? parameters.stepMilliseconds,
      windowMilliseconds: self.windowMilliseconds ?? parameters.windowMilliseconds,
      paddedMilliseconds: self.paddedMilliseconds ?? parameters.paddedMilliseconds,
      melBins: self.melBins ?? parameters.melBins,
      minFrequency: self.minFrequency ?? parameters.minFrequency,
      maxFrequency: self.maxFrequency ?? parameters.maxFrequency,
      power: self.power ?? parameters.power)
  }
}
