internal import CDiffusionKernels

/// softmax(q · kᵀ / √d) · v for every head, its heads side by side in the rows of q, k and v.
///
/// Works on blocks of queries, so that the scores kept by a thread are bounded whatever the number
/// of tokens. Vaswani et al., 2017 (arXiv:1706.03762).
struct ScaledDotProductAttention: Sendable {
  let heads: Int
  let headDimension: Int
  /// Whether a token sees only itself and those before it.
  var causal = false

  /// Floats of scores a thread keeps at once: 2 MiB.
  private static let scoreBudget = 1 << 19

  /// Row counts are per item of the batch; `out` has heads × headDimension columns.
  func forward(
    query: Rows, key: Rows, value: Rows, batch: Int, queries: Int, keys: Int, into out: Rows,
    _ compute: Compute
  ) throws(DiffusionError) {
    precondition(!causal || queries == keys)
    compute.begin(
      .attention, rows: batch * queries, inputs: keys, outputs: heads * headDimension)
    defer { compute.end() }
    let arena = compute.arena
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let block = min(queries, max(16, Self.scoreBudget / keys))
    let blocks = (queries + block - 1) / block
    let tasks = batch * heads * blocks
    let shared = batch * heads * queries * keys * headDimension >= MatrixProduct.smallestShared
    let slices = shared ? min(compute.pool.threads, tasks) : 1
    let scores = Rows(data: try arena.floats(slices * block * keys), stride: block * keys)
    let scale = 1 / Float(headDimension).squareRoot()
    compute.pool.run(slices: slices) { slice in
      let buffer = scores.row(slice)
      for task in tasks * slice / slices..<tasks * (slice + 1) / slices {
        let item = task / (heads * blocks)
        let column = task / blocks % heads * headDimension
        let first = task % blocks * block
        let count = min(block, queries - first)
        MatrixProduct.transposed(
          count, keys, headDimension, a: query.row(item * queries + first) + column,
          aStride: query.stride, b: key.row(item * keys) + column, bStride: key.stride,
          out: buffer, outStride: keys, keep: 0)
        if causal {
          dk_softmax_causal(buffer, count, keys, first, scale)
        } else {
          dk_softmax(buffer, count, keys, scale)
        }
        MatrixProduct.plain(
          count, headDimension, keys, a: buffer, aStride: keys,
          b: value.row(item * keys) + column, bStride: value.stride,
          out: out.row(item * queries + first) + column, outStride: out.stride)
      }
    }
  }
}
