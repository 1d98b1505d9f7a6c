import Spectrogram

/// Spectrogram parameters that a request sets; what is `nil` keeps the value from elsewhere.
/// `riff.proto` tells units and ranges.
public struct SpectrogramOverrides: Sendable, Equatable {
  public var sampleRate: Int?
  public var stereo: Bool?
  public var stepMilliseconds: Int?
  public var windowMilliseconds: Int?
  public var paddedMilliseconds: Int?
  public var melBins: Int?
  public var minFrequency: Int?
  public var maxFrequency: Int?
  public var power: Double?
  public var maximum: Double?

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
