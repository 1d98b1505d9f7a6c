internal import Cores

/// A map that owns its memory, for the autoencoder's large ones: each is given back as soon as the
/// next is made, while an arena would keep them all until the picture is done.
final class OwnedMap {
  private let storage: FloatStorage
  private let tensor: Tensor
  private let memory: MapMemory?

  /// Contents undefined. `memory`: where it comes from and goes back to; nil: the system.
  init(
    batch: Int, height: Int, width: Int, channels: Int, from memory: MapMemory? = nil
  ) throws(DiffusionError) {
    let count = batch * height * width * channels
    if let memory {
      storage = try memory.take(count)
    } else {
      storage = try FloatStorage(count: count, for: "activations")
    }
    self.memory = memory
    tensor = Tensor(
      data: storage.mutable, batch: batch, height: height, width: width, channels: channels)
  }

  deinit { memory?.giveBack(storage) }

  /// Of the batch and size of `other`; contents undefined.
  convenience init(
    like other: Tensor, channels: Int, from memory: MapMemory? = nil
  ) throws(DiffusionError) {
    try self.init(
      batch: other.batch, height: other.height, width: other.width, channels: channels,
      from: memory)
  }

  convenience init(copying other: Tensor, from memory: MapMemory? = nil) throws(DiffusionError) {
    try self.init(like: other, channels: other.channels, from: memory)
    tensor.copy(from: other)
  }

  /// Runs `body` with the map, which stays in memory meanwhile; the tensor must not leave `body`.
  func withTensor<Result>(_ body: (Tensor) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(tensor) }
  }
}
