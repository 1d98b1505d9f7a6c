internal import Cores

extension Arena {
  /// `count` floats, not initialised, aligned to 64 bytes.
  func floats(_ count: Int) throws(DiffusionError) -> UnsafeMutablePointer<Float> {
    do {
      return try allocate(count)
    } catch {
      throw DiffusionError(kind: .outOfMemory, message: error.message)
    }
  }

  func tensor(
    batch: Int, height: Int, width: Int, channels: Int
  ) throws(DiffusionError) -> Tensor {
    Tensor(
      data: try floats(batch * height * width * channels), batch: batch, height: height,
      width: width, channels: channels)
  }

  /// A tensor of the batch and size of `other`.
  func tensor(like other: Tensor, channels: Int? = nil) throws(DiffusionError) -> Tensor {
    try tensor(
      batch: other.batch, height: other.height, width: other.width,
      channels: channels ?? other.channels)
  }
}
