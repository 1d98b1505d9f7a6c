internal import CDiffusionKernels
internal import Cores

/// Layer normalisation of every row. Ba, Kiros and Hinton, 2016 (arXiv:1607.06450).
struct LayerNorm: Sendable {
  let weight: FloatStorage
  let bias: FloatStorage
  let epsilon: Float

  init(_ scope: WeightScope, channels: Int, epsilon: Float = 1e-5) throws(DiffusionError) {
    weight = try scope.vector("weight", count: channels)
    bias = try scope.vector("bias", count: channels)
    self.epsilon = epsilon
  }

  /// `out` may be `x`.
  func forward(_ x: Tensor, into out: Tensor, _ compute: Compute) {
    precondition(x.channels == weight.count && out.shaped(like: x))
    compute.begin(.normalization, rows: x.rows, inputs: x.channels, outputs: x.channels)
    defer { compute.end() }
    compute.pool.split(x.rows, grain: max(1, (1 << 14) / x.channels)) { rows in
      dk_layer_norm(
        x.row(rows.lowerBound), out.row(rows.lowerBound), rows.count, x.channels, weight.pointer,
        bias.pointer, epsilon)
    }
  }
}
