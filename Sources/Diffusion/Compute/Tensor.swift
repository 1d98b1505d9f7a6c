internal import Cores

/// A channels-last map [batch, height, width, channels] of f32; tokens are [batch, tokens, 1, ·].
///
/// It does not own its memory: an ``Arena`` does, and keeps it at least until the scope in which the
/// tensor was made ends. That is also why it may cross to the pool's threads, which write disjoint
/// rows and are done before the call that started them returns.
struct Tensor: @unchecked Sendable {
  let data: UnsafeMutablePointer<Float>
  let batch: Int
  let height: Int
  let width: Int
  let channels: Int

  /// Pixels or tokens over the whole batch.
  var rows: Int { batch * height * width }
  var rowsPerItem: Int { height * width }
  var count: Int { rows * channels }

  func row(_ index: Int) -> UnsafeMutablePointer<Float> { data + index * channels }

  /// One item of the batch.
  func item(_ index: Int) -> Tensor {
    Tensor(
      data: row(index * rowsPerItem), batch: 1, height: height, width: width, channels: channels)
  }

  /// Some items of the batch.
  func items(_ range: Range<Int>) -> Tensor {
    Tensor(
      data: row(range.lowerBound * rowsPerItem), batch: range.count, height: height,
      width: width, channels: channels)
  }

  /// Batch and size of `self`, another number of channels, other memory.
  func shaped(like other: Tensor) -> Bool {
    batch == other.batch && height == other.height && width == other.width
      && channels == other.channels
  }

  func copy(from other: Tensor) {
    precondition(count == other.count)
    data.update(from: other.data, count: count)
  }

  var floats: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: data, count: count)
  }

  /// Whether no element is infinite or not a number.
  var isFinite: Bool {
    // The exponent bits are all ones for infinities and NaN alone.
    var worst: UInt32 = 0
    for value in floats { worst = max(worst, value.bitPattern & 0x7f80_0000) }
    return worst != 0x7f80_0000
  }
}
