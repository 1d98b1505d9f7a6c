internal import Cores

/// What a prompt embedding gives every step: keys and values of every cross-attention and, in models
/// that have it, what joins the timestep's embedding.
///
/// Of a picture, or of several whose steps are made together: one after the other, as their items are in
/// the batch.
struct CrossAttentionContext: Sendable {
  /// Of every slot, and in it of every picture, [items, tokens, 1, 2 · inner]: keys, then values.
  let keyValues: [[Tensor]]
  /// Of every picture, [items, 1, 1, embedding]; empty in models that have none.
  let additions: [Tensor]

  init(keyValues: [[Tensor]], additions: [Tensor]) {
    self.keyValues = keyValues
    self.additions = additions
  }

  /// That of several pictures, of which there is at least one; all of the same model.
  init(joining contexts: [CrossAttentionContext]) {
    keyValues = contexts[0].keyValues.indices.map { slot in
      contexts.flatMap { $0.keyValues[slot] }
    }
    additions = contexts.flatMap(\.additions)
  }

  /// `embedding` is [batch, tokens, 1, cross_attention_dim]. The results live in the arena's
  /// present scope.
  init(
    _ slots: CrossAttentionSlots, addition: Tensor?, embedding: Tensor,
    _ compute: Compute
  ) throws(DiffusionError) {
    additions = addition.map { [$0] } ?? []
    var keyValues: [[Tensor]] = []
    for projection in slots.projections {
      let keyValue = try compute.arena.tensor(like: embedding, channels: projection.outFeatures)
      try projection.forward(embedding, into: keyValue, compute)
      keyValues.append([keyValue])
    }
    self.keyValues = keyValues
  }
}
