internal import Cores

/// diffusers' `Transformer2DModel` on a map: normalise, project, transformer blocks, project, add.
///
/// Channels last makes its linear and its 1×1 convolution projections the same product.
struct Transformer2DModel: Sendable {
  struct Shape: Sendable {
    let channels: Int
    let heads: Int
    let layers: Int
    let context: Int
    let groups: Int
    let onlyCrossAttention: Bool
  }

  let norm: GroupNorm
  let projectionIn: Linear
  let blocks: [BasicTransformerBlock]
  let projectionOut: Linear

  init(
    _ scope: WeightScope, _ shape: Shape, slots: inout CrossAttentionSlots
  ) throws(DiffusionError) {
    let channels = shape.channels
    norm = try GroupNorm(scope["norm"], channels: channels, groups: shape.groups, epsilon: 1e-6)
    projectionIn = try Linear(scope["proj_in"], in: channels, out: channels)
    var blocks: [BasicTransformerBlock] = []
    for layer in 0..<shape.layers {
      blocks.append(
        try BasicTransformerBlock(
          scope["transformer_blocks", layer], channels: channels, heads: shape.heads,
          context: shape.context, onlyCrossAttention: shape.onlyCrossAttention, slots: &slots))
    }
    self.blocks = blocks
    projectionOut = try Linear(scope["proj_out"], in: channels, out: channels)
  }

  /// In place.
  func forward(
    _ x: Tensor, context: CrossAttentionContext, _ compute: Compute
  ) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let normed = try compute.arena.tensor(like: x)
    try norm.forward(x, into: normed, silu: false, compute)
    let tokens = try compute.arena.tensor(like: x)
    try projectionIn.forward(normed, into: tokens, compute)
    for block in blocks { try block.forward(tokens, context: context, compute) }
    try projectionOut.forward(tokens, into: x, residual: x, compute)
  }
}
