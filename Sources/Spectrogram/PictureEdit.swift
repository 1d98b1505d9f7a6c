#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What a model changed in the picture of a clip: the ratio of the edited picture to the same
/// picture's own round trip through the model's autoencoder, so that what the autoencoder loses
/// cancels out.
///
/// Where the clip has sound, the ratio is a gain to apply to it (``GainTransferStream``). Where
/// it has none, or far too little, no gain makes any: what the edited picture has beyond the largest
/// gain is ``MissingFrames``, to be recovered for itself. A picture that was not changed
/// has gain 1 and misses nothing, exactly.
///
/// The three pictures have one scale, and the same channels, bins and frames.
public struct PictureEdit: Sendable {
  /// How far a gain reaches.
  public struct Bounds: Sendable, Equatable {
    /// Largest gain in decibels, 0 or more; beyond it the edited picture's own recovery comes in.
    public var boost: Double
    /// Amplitudes that far below `PictureEdit.maximum`, in decibels, are taken for silence.
    public var floor: Double

    /// What remixes use (figures in `docs/audio.md`), or other bounds.
    public init(boost: Double = 18, floor: Double = 60) {
      self.boost = boost
      self.floor = floor
    }
  }

  /// The clip's picture as it was.
  public let source: any MelFrames
  /// The same at strength 0: encoded and decoded.
  public let unchanged: any MelFrames
  /// What the model made of it.
  public let edited: any MelFrames
  /// How far gains reach.
  public let bounds: Bounds

  private let floor: Float
  private let boost: Float

  /// - Parameters:
  ///   - source: the clip's picture as it was.
  ///   - unchanged: the same, encoded and decoded.
  ///   - edited: what the model made of it.
  ///   - maximum: the largest mel amplitude of the clip, on the 16-bit scale, 0 or more.
  ///   - bounds: a boost of 0 to 120 dB, a floor of 0 to 200 dB.
  /// - Throws: `invalidPicture` where the pictures differ in shape, `invalidParameter`.
  public init(
    source: any MelFrames, unchanged: any MelFrames, edited: any MelFrames, maximum: Double,
    bounds: Bounds = Bounds()
  ) throws(SpectrogramError) {
    for other in [unchanged, edited] {
      guard
        other.channels == source.channels, other.bins == source.bins,
        other.frames == source.frames
      else {
        throw SpectrogramError(
          .invalidPicture, field: "image",
          """
          \(other.channels) channels of \(other.bins) bins and \(other.frames) columns do not fit \
          the clip's \(source.channels) of \(source.bins) and \(source.frames)
          """)
      }
    }
    // Written so that NaN fails.
    guard maximum >= 0, maximum.isFinite else {
      throw SpectrogramError(
        .invalidParameter, field: "maximum", "it must be 0 or more, not \(maximum)")
    }
    guard (0...120).contains(bounds.boost), (0...200).contains(bounds.floor) else {
      throw SpectrogramError(
        .invalidParameter, field: "bounds",
        "the boost must be 0 to 120 dB and the floor 0 to 200 dB, not \(bounds.boost) and "
          + "\(bounds.floor)")
    }
    self.source = source
    self.unchanged = unchanged
    self.edited = edited
    self.bounds = bounds
    floor = Float(maximum * pow(10, -bounds.floor / 20))
    boost = Float(pow(10, bounds.boost / 20))
  }

  /// Of all three pictures, 1 or 2.
  public var channels: Int { source.channels }
  /// Mel bins of all three pictures.
  public var bins: Int { source.bins }
  /// Columns of all three pictures.
  public var frames: Int { source.frames }

  /// Fills (bin, frame) with gains, 0 up to the largest.
  func copyGains(
    _ range: Range<Int>, channel: Int, to output: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let base = AlignedBuffer(bins * stride)
    edited.copyFrames(range, channel: channel, to: output, stride: stride)
    unchanged.copyFrames(range, channel: channel, to: base.pointer, stride: stride)
    for bin in 0..<bins {
      for place in (bin * stride)..<(bin * stride + range.count) {
        output[place] = gain(edited: output[place], unchanged: base.pointer[place])
      }
    }
  }

  /// The gain that makes the unchanged amplitude the edited one, within bounds.
  func gain(edited: Float, unchanged: Float) -> Float {
    let base = unchanged + floor
    // Silence in both pictures says nothing; a picture that is all silence has no floor either.
    return base > 0 ? min((edited + floor) / base, boost) : (edited > 0 ? boost : 1)
  }

  /// What the clip's own sound, amplified by the gain, still lacks of the edited amplitude; powers
  /// add up.
  func missing(edited: Float, unchanged: Float, source: Float) -> Float {
    let made = gain(edited: edited, unchanged: unchanged) * max(source, unchanged) + floor
    return edited > made ? (edited * edited - made * made).squareRoot() : 0
  }
}

/// What of an edited picture the clip's own sound cannot be amplified to: mel amplitudes to recover
/// for themselves.
public struct MissingFrames: MelFrames {
  private let edit: PictureEdit

  /// Computed when frames are read: nothing is kept.
  public init(_ edit: PictureEdit) { self.edit = edit }

  /// As the edit has them.
  public var channels: Int { edit.channels }
  public var bins: Int { edit.bins }
  public var frames: Int { edit.frames }

  public func copyFrames(
    _ range: Range<Int>, channel: Int, to output: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let (source, unchanged) = (AlignedBuffer(bins * stride), AlignedBuffer(bins * stride))
    edit.edited.copyFrames(range, channel: channel, to: output, stride: stride)
    edit.source.copyFrames(range, channel: channel, to: source.pointer, stride: stride)
    edit.unchanged.copyFrames(range, channel: channel, to: unchanged.pointer, stride: stride)
    for bin in 0..<bins {
      for place in (bin * stride)..<(bin * stride + range.count) {
        output[place] = edit.missing(
          edited: output[place], unchanged: unchanged.pointer[place],
          source: source.pointer[place])
      }
    }
  }
}
