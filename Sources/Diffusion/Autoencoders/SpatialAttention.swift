internal import Cores

/// An autoencoder's attention over all pixels, with its own normalisation and residual.
///
/// Older checkpoints call its layers `query`, `key`, `value` and `proj_attn`.
struct SpatialAttention: Sendable {
  private let norm: GroupNorm
  private let projection: Linear
  private let attention: ScaledDotProductAttention
  private let output: Linear

  init(_ scope: WeightScope, channels: Int, groups: Int) throws(DiffusionError) {
    norm = try GroupNorm(
      scope["group_norm"], channels: channels, groups: groups,
      epsilon: AutoencoderKLConfiguration.epsilon)
    func place(_ name: String, formerly old: String) -> WeightScope {
      scope.contains("\(old).weight") ? scope[old] : scope[name]
    }
    let inputs = [
      place("to_q", formerly: "query"), place("to_k", formerly: "key"),
      place("to_v", formerly: "value"),
    ]
    projection = try Linear(inputs, in: channels, out: channels, bias: true)
    output = try Linear(
      place("to_out.0", formerly: "proj_attn"), in: channels, out: channels)
    attention = ScaledDotProductAttention(
      heads: 1, headDimension: channels, precision: scope.reader.precision)
  }

  /// In place.
  func forward(_ x: Tensor, _ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let channels = x.channels
    let normed = try compute.arena.tensor(like: x)
    try norm.forward(x, into: normed, silu: false, compute)
    let joined = try compute.arena.tensor(like: x, channels: 3 * channels)
    try projection.forward(normed, into: joined, compute)
    try attention.forward(
      query: Rows(joined), key: Rows(data: joined.data + channels, stride: 3 * channels),
      value: Rows(data: joined.data + 2 * channels, stride: 3 * channels), batch: x.batch,
      queries: x.rowsPerItem, keys: x.rowsPerItem, into: Rows(normed), compute)
    try output.forward(normed, into: x, residual: x, compute)
  }
}
