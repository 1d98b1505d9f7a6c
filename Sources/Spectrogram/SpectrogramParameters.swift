/// How sound becomes a spectrogram picture, as riffusion defines it: lengths in milliseconds,
/// frequencies in hertz, so that one set of parameters means the same at every sample rate.
///
/// The derived lengths are riffusion's, `Int(ms / 1000 * rate)`.
public struct SpectrogramParameters: Codable, Sendable, Equatable, Hashable {
  /// Rate of the sound that was (or is to be) analysed, in hertz, 1,000 ... 384,000.
  public var sampleRate: Int
  /// Two channels, in the picture's green and blue.
  public var stereo: Bool
  /// Time from one column to the next, in milliseconds, 1 ... 500.
  public var stepMilliseconds: Int
  /// Length of the Hann window, in milliseconds, 2 ... 64 steps and at most 1,000.
  public var windowMilliseconds: Int
  /// Length of the zero-padded window that is transformed, in milliseconds; at least the window's,
  /// at most 2,000.
  public var paddedMilliseconds: Int
  /// Mel bins, the rows of the picture, 1 ... 4,096.
  public var melBins: Int
  /// Lower edge of the lowest mel bin in hertz, from 0.
  public var minFrequency: Int
  /// Upper edge of the highest mel bin in hertz, above `minFrequency`, at most 192,000.
  public var maxFrequency: Int
  /// Exponent from amplitude to grey level, 0.05 ... 4.
  public var power: Double

  /// riffusion's defaults, or what differs from them.
  public init(
    sampleRate: Int = 44_100, stereo: Bool = false, stepMilliseconds: Int = 10,
    windowMilliseconds: Int = 100, paddedMilliseconds: Int = 400, melBins: Int = 512,
    minFrequency: Int = 0, maxFrequency: Int = 10_000, power: Double = 0.25
  ) {
    self.sampleRate = sampleRate
    self.stereo = stereo
    self.stepMilliseconds = stepMilliseconds
    self.windowMilliseconds = windowMilliseconds
    self.paddedMilliseconds = paddedMilliseconds
    self.melBins = melBins
    self.minFrequency = minFrequency
    self.maxFrequency = maxFrequency
    self.power = power
  }

  /// The largest mel amplitude that a picture without `MAX_VALUE` stands for, on the 16-bit scale:
  /// riffusion's default.
  public static let defaultMaximum: Double = 30e6

  /// Of the sound, in hertz.
  public static let sampleRates = 1_000...384_000
  /// A column's, in milliseconds.
  public static let steps = 1...500
  /// Mel bins.
  public static let bins = 1...4_096
  /// Exponents from amplitude to grey level.
  public static let powers = 0.05...4.0

  /// 1, or 2 of stereo.
  public var channels: Int { stereo ? 2 : 1 }

  /// Samples from one column to the next, at `sampleRate`.
  public var hopLength: Int { samples(stepMilliseconds) }

  /// Samples of the Hann window, at `sampleRate`.
  public var windowLength: Int { samples(windowMilliseconds) }

  /// Samples of one Fourier transform, at `sampleRate`.
  public var transformLength: Int { samples(paddedMilliseconds) }

  private func samples(_ milliseconds: Int) -> Int {
    Int(Double(milliseconds) / 1000 * Double(sampleRate))
  }

  /// Throws `invalidParameter` with the name of the first parameter that is out of its range.
  public func validate() throws(SpectrogramError) {
    try Self.check("sample_rate", sampleRate, Self.sampleRates, "Hz")
    try Self.check("step_ms", stepMilliseconds, Self.steps, "ms")
    try Self.check(
      "window_ms", windowMilliseconds,
      (2 * stepMilliseconds)...min(64 * stepMilliseconds, 1_000), "ms (2 to 64 steps)")
    try Self.check("padded_ms", paddedMilliseconds, windowMilliseconds...2_000, "ms")
    try Self.check("mel_bins", melBins, Self.bins, "bins")
    try Self.check("min_frequency", minFrequency, 0...100_000, "Hz")
    try Self.check("max_frequency", maxFrequency, (minFrequency + 1)...192_000, "Hz")
    // Written so that NaN fails.
    guard Self.powers.contains(power) else {
      throw SpectrogramError(
        .invalidParameter, field: "power", "power must be 0.05 to 4, not \(power)")
    }
  }

  private static func check(
    _ field: String, _ value: Int, _ range: ClosedRange<Int>, _ unit: String
  ) throws(SpectrogramError) {
    guard range.contains(value) else {
      throw SpectrogramError(
        .invalidParameter, field: field,
        "\(field) must be \(range.lowerBound) to \(range.upperBound) \(unit), not \(value)")
    }
  }

  private enum CodingKeys: String, CodingKey {
    case sampleRate = "sample_rate"
    case stereo
    case stepMilliseconds = "step_ms"
    case windowMilliseconds = "window_ms"
    case paddedMilliseconds = "padded_ms"
    case melBins = "mel_bins"
    case minFrequency = "min_frequency"
    case maxFrequency = "max_frequency"
    case power
  }

  /// Keys that are missing take riffusion's defaults; others are left alone. Does not validate. Throws
  /// `DecodingError` for a value of another type.
  public init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: CodingKeys.self)
    self.init()
    sampleRate = try keys.decodeIfPresent(Int.self, forKey: .sampleRate) ?? sampleRate
    stereo = try keys.decodeIfPresent(Bool.self, forKey: .stereo) ?? stereo
    stepMilliseconds =
      try keys.decodeIfPresent(Int.self, forKey: .stepMilliseconds) ?? stepMilliseconds
    windowMilliseconds =
      try keys.decodeIfPresent(Int.self, forKey: .windowMilliseconds) ?? windowMilliseconds
    paddedMilliseconds =
      try keys.decodeIfPresent(Int.self, forKey: .paddedMilliseconds) ?? paddedMilliseconds
    melBins = try keys.decodeIfPresent(Int.self, forKey: .melBins) ?? melBins
    minFrequency = try keys.decodeIfPresent(Int.self, forKey: .minFrequency) ?? minFrequency
    maxFrequency = try keys.decodeIfPresent(Int.self, forKey: .maxFrequency) ?? maxFrequency
    power = try keys.decodeIfPresent(Double.self, forKey: .power) ?? power
  }
}
