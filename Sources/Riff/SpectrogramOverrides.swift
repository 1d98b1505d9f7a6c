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
