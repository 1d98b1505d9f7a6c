/// One layer of a network: its tensors as a checkpoint names them, and its arithmetic on one input.
struct PlannedLayer {
  enum Kind: String, CaseIterable {
    case convolution3x3 = "3×3 convolutions"
    case convolution1x1 = "1×1 convolutions"
    case linear = "linear layers"
    case attention = "attention products"
    case other = "norms and tables"
  }

  struct Tensor {
    let name: String
    let shape: [Int]
  }

  let kind: Kind
  let tensors: [Tensor]
  /// Multiplications and additions in matrix products, counted apart.
  let flops: Double
}
