internal import Cores

/// What a prompt embedding gives every step: keys and values of every cross-attention and, in models
/// that have it, what joins the timestep's embedding.
struct CrossAttentionContext: Sendable {
  /// One [batch, tokens, 1, 2 · inner] a slot: keys, then values.
  let keyValues: [Tensor]
  /// [batch, 1, 1, embedding].
  let addition: Tensor?

  init(keyValues: [Tensor], addition: Tensor?) {
    self.keyValues = keyValues
    self.addition = addition
  }

  /// `embedding` is [batch, tokens, 1, cross_attention_dim]. The results live in the arena's
  /// present scope.
  init(
    _ slots: CrossAttentionSlots, addition: Tensor?, embedding: Tensor,
    _ compute: Compute
  ) throws(DiffusionError) {
    self.addition = addition
    var keyValues: [Tensor] = []
    for projection in slots.projections {
      let keyValue = try compute.arena.tensor(like: embedding, channels: projection.outFeatures)
      try projection.forward(embedding, into: keyValue, compute)
      keyValues.append(keyValue)
    }
    self.keyValues = keyValues
  }
}
