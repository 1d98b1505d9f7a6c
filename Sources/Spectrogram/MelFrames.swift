/// Mel amplitudes that can be read a few frames at a time, so that a picture of ten minutes need
/// not be unpacked at once, and that may come into being while they are read.
public protocol MelFrames: Sendable {
  /// 1, or 2: left, then right.
  var channels: Int { get }
  /// Mel bins, lowest first.
  var bins: Int { get }
  /// Columns that there are, one every `stepMilliseconds`.
  var frames: Int { get }
  /// Whether no more columns will come.
  var isComplete: Bool { get }

  /// Makes columns until there are at least `count` of them, or all that there will be. Blocks, as long
  /// as they take to paint.
  ///
  /// - Throws: what keeps them from being made.
  func require(through count: Int) throws

  /// Writes the amplitudes of `range` of one channel as (bin, frame), frames `stride` apart from
  /// bin to bin.
  ///
  /// - Precondition: `range` lies within `0 ..< frames`, `stride` is at least its length, `output`
  ///   holds `bins * stride` values.
  func copyFrames(
    _ range: Range<Int>, channel: Int, to output: UnsafeMutablePointer<Float>, stride: Int)
}

/// Of a picture that is finished.
extension MelFrames {
  public var isComplete: Bool { true }

  public func require(through count: Int) {}
}
