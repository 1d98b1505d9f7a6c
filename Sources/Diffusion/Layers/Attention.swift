internal import Cores

/// diffusers' `Attention`: projections, dot-product attention, output projection.
///
/// Query, key and value of a self-attention are one product. Keys and values of a cross-attention
/// depend on the prompt alone and are made once a picture (``CrossAttentionContext``).
struct Attention: Sendable {
  enum Inputs: Sendable {
    /// to_q, to_k and to_v side by side.
    case own(Linear)
    /// to_q; to_k and to_v side by side; the place of the latter's result in the context.
    case cross(query: Linear, keyValue: Linear, slot: Int)
  }

  let inputs: Inputs
  let output: Linear
  let attention: ScaledDotProductAttention

  var innerDimension: Int { attention.heads * attention.headDimension }

  /// Self-attention over `channels`-wide tokens.
  init(
    _ scope: WeightScope, channels: Int, heads: Int, bias: Bool = false
  ) throws(DiffusionError) {
    inputs = .own(
      try Linear(
        [scope["to_q"], scope["to_k"], scope["to_v"]], in: channels, out: channels, bias: bias))
    output = try Linear(scope["to_out", 0], in: channels, out: channels)
    attention = ScaledDotProductAttention(
      heads: heads, headDimension: channels / heads, precision: scope.reader.precision)
  }

  /// Cross-attention from `channels`-wide tokens to `contextChannels`-wide ones.
  init(
    _ scope: WeightScope, channels: Int, heads: Int, context contextChannels: Int,
    slots: inout CrossAttentionSlots
  ) throws(DiffusionError) {
    let query = try Linear(scope["to_q"], in: channels, out: channels, bias: false)
    let keyValue = try Linear(
      [scope["to_k"], scope["to_v"]], in: contextChannels, out: channels, bias: false)
    inputs = .cross(query: query, keyValue: keyValue, slot: slots.add(keyValue))
    output = try Linear(scope["to_out", 0], in: channels, out: channels)
    attention = ScaledDotProductAttention(
      heads: heads, headDimension: channels / heads, precision: scope.reader.precision)
  }

  /// out = attention(x) + out.
  func add(
    _ x: Tensor, onto out: Tensor, context: CrossAttentionContext?, _ compute: Compute
  ) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let inner = innerDimension
    let mixed = try compute.arena.tensor(like: x, channels: inner)
    switch inputs {
    case .own(let projection):
      let joined = try compute.arena.tensor(like: x, channels: 3 * inner)
      try projection.forward(x, into: joined, compute)
      try attention.forward(
        query: Rows(joined), key: Rows(data: joined.data + inner, stride: 3 * inner),
        value: Rows(data: joined.data + 2 * inner, stride: 3 * inner), batch: x.batch,
        queries: x.rowsPerItem, keys: x.rowsPerItem, into: Rows(mixed), compute)
    case .cross(let query, _, let slot):
      guard let keyValues = context?.keyValues[slot],
        keyValues.reduce(0, { $0 + $1.batch }) == x.batch
      else { throw .internal("a cross-attention was run without a prompt") }
      let queries = try compute.arena.tensor(like: x, channels: inner)
      try query.forward(x, into: queries, compute)
      // Each picture has as many tokens as its prompts.
      var item = 0
      for keyValue in keyValues {
        try attention.forward(
          query: Rows(queries.item(item)), key: Rows(keyValue),
          value: Rows(data: keyValue.data + inner, stride: 2 * inner), batch: keyValue.batch,
          queries: x.rowsPerItem, keys: keyValue.rowsPerItem, into: Rows(mixed.item(item)),
          compute)
        item += keyValue.batch
      }
    }
    try output.forward(mixed, into: out, residual: out, compute)
  }
}
