/// A run of numbers that tensors of a PyTorch file share: `data/key` in the archive.
struct TorchStorage: Sendable {
  let elementType: ElementType
  let key: String
  /// Elements, not below 0.
  let count: Int
}
