/// A tensor as a state dict's pickle describes it: part of a storage, in row-major order.
struct TorchTensor: Sendable {
  let storage: TorchStorage
  let shape: [Int]
  /// Elements of the storage that are the tensor's; inside it, as many as the shape has.
  let elements: Range<Int>
}
