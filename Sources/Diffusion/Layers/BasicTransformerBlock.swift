internal import Cores

/// diffusers' `BasicTransformerBlock`: self-attention, attention to the prompt, feed-forward.
struct BasicTransformerBlock: Sendable {
  let norm1: LayerNorm
  let attn1: Attention
  let norm2: LayerNorm
  let attn2: Attention
  let norm3: LayerNorm
  let feedForward: FeedForward

  init(
    _ scope: WeightScope, channels: Int, heads: Int, context: Int, onlyCrossAttention: Bool,
    slots: inout CrossAttentionSlots
  ) throws(DiffusionError) {
    norm1 = try LayerNorm(scope["norm1"], channels: channels)
    if onlyCrossAttention {
      attn1 = try Attention(
        scope["attn1"], channels: channels, heads: heads, context: context, slots: &slots)
    } else {
      attn1 = try Attention(scope["attn1"], channels: channels, heads: heads)
    }
    norm2 = try LayerNorm(scope["norm2"], channels: channels)
    attn2 = try Attention(
      scope["attn2"], channels: channels, heads: heads, context: context, slots: &slots)
    norm3 = try LayerNorm(scope["norm3"], channels: channels)
    feedForward = try FeedForward(scope["ff"], channels: channels)
  }

  /// In place.
  func forward(
    _ x: Tensor, context: CrossAttentionContext, _ compute: Compute
  ) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let normed = try compute.arena.tensor(like: x)
    norm1.forward(x, into: normed, compute)
    try attn1.add(normed, onto: x, context: context, compute)
    norm2.forward(x, into: normed, compute)
    try attn2.add(normed, onto: x, context: context, compute)
    norm3.forward(x, into: normed, compute)
    try feedForward.add(normed, onto: x, compute)
  }
}
