internal import Cores

/// A map that owns its memory, for the autoencoder's large ones: each is given back as soon as the
/// next is made, while an arena would keep them all until the picture is done.
final class OwnedMap {
  private let storage: FloatStorage
  private let tensor: Tensor

  /// Contents undefined.
  init(batch: Int, height: Int, width: Int, channels: Int) throws(DiffusionError) {
    storage = try FloatStorage(count: batch * height * width * channels, for: "activations")
    tensor = Tensor(
      data: storage.mutable, batch: batch, height: height, width: width, channels: channels)
  }

  /// Of the batch and size of `other`; contents undefined.
  convenience init(like other: Tensor, channels: Int) throws(DiffusionError) {
    try self.init(
      batch: other.batch, height: other.height, width: other.width, channels: channels)
  }

  convenience init(copying other: Tensor) throws(DiffusionError) {
    try self.init(like: other, channels: other.channels)
    tensor.copy(from: other)
  }

  /// Runs `body` with the map, which stays in memory meanwhile; the tensor must not leave `body`.
  func withTensor<Result>(_ body: (Tensor) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(tensor) }
  }
}
