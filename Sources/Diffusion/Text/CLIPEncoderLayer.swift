internal import CDiffusionKernels
internal import Cores

/// transformers' `CLIPEncoderLayer`: causal self-attention and a two-layer perceptron.
struct CLIPEncoderLayer: Sendable {
  let norm1: LayerNorm
  let projection: Linear
  let attention: ScaledDotProductAttention
  let output: Linear
  let norm2: LayerNorm
  let linear1: Linear
  let activation: CLIPActivation
  let linear2: Linear

  init(
    _ scope: WeightScope, channels: Int, inner: Int, heads: Int, epsilon: Float,
    activation: CLIPActivation
  ) throws(DiffusionError) {
    let own = scope["self_attn"]
    norm1 = try LayerNorm(scope["layer_norm1"], channels: channels, epsilon: epsilon)
    projection = try Linear(
      [own["q_proj"], own["k_proj"], own["v_proj"]], in: channels, out: channels, bias: true)
    attention = ScaledDotProductAttention(
      heads: heads, headDimension: channels / heads, causal: true)
    output = try Linear(own["out_proj"], in: channels, out: channels)
    norm2 = try LayerNorm(scope["layer_norm2"], channels: channels, epsilon: epsilon)
    linear1 = try Linear(scope["mlp"]["fc1"], in: channels, out: inner)
    self.activation = activation
    linear2 = try Linear(scope["mlp"]["fc2"], in: inner, out: channels)
  }

  /// In place.
  func forward(_ x: Tensor, _ compute: Compute) throws(DiffusionError) {
    let arena = compute.arena
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let channels = x.channels
    let normed = try arena.tensor(like: x)
    norm1.forward(x, into: normed, compute)
    let joined = try arena.tensor(like: x, channels: 3 * channels)
    try projection.forward(normed, into: joined, compute)
    try attention.forward(
      query: Rows(joined), key: Rows(data: joined.data + channels, stride: 3 * channels),
      value: Rows(data: joined.data + 2 * channels, stride: 3 * channels), batch: x.batch,
      queries: x.rowsPerItem, keys: x.rowsPerItem, into: Rows(normed), compute)
    try output.forward(normed, into: x, residual: x, compute)
    norm2.forward(x, into: normed, compute)
    let hidden = try arena.tensor(like: x, channels: linear1.outFeatures)
    try linear1.forward(normed, into: hidden, compute)
    let activation = activation
    compute.begin(
      .activation, rows: x.rows, inputs: hidden.channels, outputs: hidden.channels)
    compute.pool.split(x.rows, grain: max(1, (1 << 13) / hidden.channels)) { rows in
      let count = rows.count * hidden.channels
      switch activation {
      case .quickGELU: dk_quick_gelu(hidden.row(rows.lowerBound), count)
      case .gelu: dk_gelu(hidden.row(rows.lowerBound), count)
      }
    }
    compute.end()
    try linear2.forward(hidden, into: x, residual: x, compute)
  }
}
