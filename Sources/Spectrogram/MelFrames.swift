/// Mel amplitudes that can be read a few frames at a time, so that a picture of ten minutes need
/// not be unpacked at once.
public protocol MelFrames: Sendable {
  var channels: Int { get }
  /// Mel bins, lowest first.
  var bins: Int { get }
  /// Columns of the picture, one every `stepMilliseconds`.
  var frames: Int { get }

  /// Writes the amplitudes of `range` of one channel as (bin, frame), frames `stride` apart from
  /// bin to bin.
  ///
  /// - Precondition: `range` lies within `0 ..< frames`, `stride` is at least its length, `output`
  ///   holds `bins * stride` values.
  func copyFrames(
    _ range: Range<Int>, channel: Int, to output: UnsafeMutablePointer<Float>, stride: Int)
}
