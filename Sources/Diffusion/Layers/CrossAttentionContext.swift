/// Keys and values of every cross-attention for one prompt embedding.
struct CrossAttentionContext: Sendable {
  /// One [batch, tokens, 1, 2 · inner] a slot: keys, then values.
  let keyValues: [Tensor]

  /// `embedding` is [batch, tokens, 1, cross_attention_dim]. The results live in the arena's
  /// present scope.
  init(
    _ slots: CrossAttentionSlots, embedding: Tensor, _ compute: Compute
  ) throws(DiffusionError) {
    var keyValues: [Tensor] = []
    for projection in slots.projections {
      let keyValue = try compute.arena.tensor(like: embedding, channels: projection.outFeatures)
      try projection.forward(embedding, into: keyValue, compute)
      keyValues.append(keyValue)
    }
    self.keyValues = keyValues
  }
}
