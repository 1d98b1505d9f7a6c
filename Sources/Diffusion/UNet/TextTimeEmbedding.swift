internal import Cores

/// diffusers' `TextTimeEmbedding`, of U-Nets whose `addition_embed_type` is `text`: the prompt as a
/// whole, one row a prompt, which joins the timestep's embedding (as in Imagen; Saharia et al., 2022,
/// arXiv:2205.11487).
///
/// One query, the tokens' mean with a place of its own, attends to itself and to every token.
struct TextTimeEmbedding: Sendable {
  private let norm1: LayerNorm
  private let position: FloatStorage
  private let query: Linear
  private let keyValue: Linear
  private let attention: ScaledDotProductAttention
  private let projection: Linear
  private let norm2: LayerNorm

  /// From `context`-wide tokens to `embedding` channels.
  init(
    _ scope: WeightScope, context: Int, embedding: Int, heads: Int
  ) throws(DiffusionError) {
    norm1 = try LayerNorm(scope["norm1"], channels: context)
    let pool = scope["pool"]
    let place = try pool.stored("positional_embedding", shape: [1, context])
    position = try FloatStorage(count: context, for: "positional_embedding")
    try place.widen(elements: 0..<context, to: position.mutable)
    query = try Linear(pool["q_proj"], in: context, out: context, exact: true)
    keyValue = try Linear(
      [pool["k_proj"], pool["v_proj"]], in: context, out: context, bias: true, exact: true)
    attention = ScaledDotProductAttention(heads: heads, headDimension: context / heads)
    projection = try Linear(scope["proj"], in: context, out: embedding, exact: true)
    norm2 = try LayerNorm(scope["norm2"], channels: embedding)
  }

  /// [batch, 1, 1, embedding] of tokens [batch, tokens, 1, context].
  func forward(_ tokens: Tensor, _ compute: Compute) throws(DiffusionError) -> Tensor {
    let arena = compute.arena
    let out = try arena.tensor(
      batch: tokens.batch, height: 1, width: 1, channels: projection.outFeatures)
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let channels = tokens.channels
    let count = tokens.rowsPerItem
    let normed = try arena.tensor(like: tokens)
    norm1.forward(tokens, into: normed, compute)

    let all = try arena.tensor(
      batch: tokens.batch, height: count + 1, width: 1, channels: channels)
    let means = try arena.tensor(like: out, channels: channels)
    for item in 0..<tokens.batch {
      let (source, target) = (normed.item(item), all.item(item))
      let mean = means.row(item)
      mean.update(repeating: 0, count: channels)
      for token in 0..<count {
        for channel in 0..<channels { mean[channel] += source.row(token)[channel] }
      }
      for channel in 0..<channels {
        mean[channel] = mean[channel] / Float(count) + position.pointer[channel]
      }
      target.data.update(from: mean, count: channels)
      target.row(1).update(from: source.data, count: source.count)
    }

    let queries = try arena.tensor(like: means)
    try query.forward(means, into: queries, compute)
    let joined = try arena.tensor(like: all, channels: 2 * channels)
    try keyValue.forward(all, into: joined, compute)
    let pooled = try arena.tensor(like: means)
    try attention.forward(
      query: Rows(queries), key: Rows(joined),
      value: Rows(data: joined.data + channels, stride: 2 * channels), batch: tokens.batch,
      queries: 1, keys: count + 1, into: Rows(pooled), compute)
    try projection.forward(pooled, into: out, compute)
    norm2.forward(out, into: out, compute)
    return out
  }
}
