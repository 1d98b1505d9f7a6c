/// Mel amplitudes of shape (channel, bin, frame) on the 16-bit scale: a full-scale sound has
/// samples up to 32,768.
public struct MelSpectrogram: MelFrames, Equatable {
  /// 1, or 2: left, then right.
  public let channels: Int
  public let bins: Int
  public let frames: Int

  /// channels × bins × frames values; bin 0 is the lowest.
  public let values: [Float]

  /// Throws `invalidAudio` unless `values` has channels × bins × frames elements.
  public init(channels: Int, bins: Int, frames: Int, values: [Float]) throws(SpectrogramError) {
    let (plane, overflow) = bins.multipliedReportingOverflow(by: frames)
    guard channels > 0, bins > 0, frames > 0, !overflow,
      values.count / channels == plane, values.count % channels == 0
    else {
      throw SpectrogramError(
        .invalidAudio, field: "mel spectrogram",
        "\(values.count) values cannot have the shape (\(channels), \(bins), \(frames))")
    }
    self.channels = channels
    self.bins = bins
    self.frames = frames
    self.values = values
  }

  /// The largest amplitude, which a picture stores as `MAX_VALUE`.
  public var maximum: Float { values.max() ?? 0 }

  public func copyFrames(
    _ range: Range<Int>, channel: Int, to output: UnsafeMutablePointer<Float>, stride: Int
  ) {
    for bin in 0..<bins {
      let start = (channel * bins + bin) * frames
      for (place, frame) in range.enumerated() {
        output[bin * stride + place] = values[start + frame]
      }
    }
  }
}
