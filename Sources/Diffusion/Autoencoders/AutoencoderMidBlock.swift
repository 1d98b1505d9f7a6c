/// diffusers' `UNetMidBlock2D` of an autoencoder: resnet, attention of one head, resnet.
struct AutoencoderMidBlock: Sendable {
  private let first: ResnetBlock2D
  private let attention: SpatialAttention?
  private let second: ResnetBlock2D

  init(
    _ scope: WeightScope, channels: Int, _ configuration: AutoencoderKLConfiguration
  ) throws(DiffusionError) {
    first = try configuration.resnet(scope, 0, in: channels, out: channels)
    attention =
      configuration.midBlockAttention
      ? try SpatialAttention(
        scope["attentions", 0], channels: channels, groups: configuration.groups) : nil
    second = try configuration.resnet(scope, 1, in: channels, out: channels)
  }

  func forward(_ x: Tensor, _ compute: Compute) throws(DiffusionError) -> Tensor {
    let out = try compute.arena.tensor(like: x)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let hidden = try compute.arena.tensor(like: x)
    try first.forward(x, time: nil, into: hidden, compute)
    try attention?.forward(hidden, compute)
    try second.forward(hidden, time: nil, into: out, compute)
    return out
  }
}

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
    let old = scope.contains("query.weight")
    let inputs = old ? ["query", "key", "value"] : ["to_q", "to_k", "to_v"]
    projection = try Linear(
      inputs.map { scope[$0] }, in: channels, out: channels, bias: true)
    output = try Linear(
      old ? scope["proj_attn"] : scope["to_out", 0], in: channels, out: channels)
    attention = ScaledDotProductAttention(heads: 1, headDimension: channels)
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
