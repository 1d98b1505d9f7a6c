internal import CDiffusionKernels
internal import Cores

/// softmax(q · kᵀ / √d) · v for every head, its heads side by side in the rows of q, k and v.
///
/// Never makes the matrix of scores: a block of keys after the other passes by groups of queries,
/// which keep a running maximum and sum. Vaswani et al., 2017 (arXiv:1706.03762); Milakov and
/// Gimelshein, 2018 (arXiv:1805.02867); Dao et al., 2022 (arXiv:2205.14135).
struct ScaledDotProductAttention: Sendable {
  let heads: Int
  let headDimension: Int
  /// Whether a token sees only itself and those before it.
  var causal = false
  var precision = Precision.f32

  /// Groups of queries that a thread takes at a time: enough to repay what is made of the keys for them.
  private static let pieceGroups = 32

  /// What the kernels read and write. It may cross to the pool's threads for the reason that a
  /// ``Tensor`` may: they only read q, k and v, write disjoint rows and columns of `out`, and are
  /// done before `forward` returns.
  private struct Job: @unchecked Sendable {
    let attention: dk_attention
    let scratch: Rows
  }

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
    let groups = batch * heads * dk_attention_groups(queries)
    let shared = batch * heads * queries * keys * headDimension >= Compute.smallestShared
    let slices = shared ? min(compute.pool.threads, groups) : 1
    // Whole cache lines, so that every slice's scratch is aligned as its first is.
    let each = (dk_attention_scratch(headDimension) + 15) / 16 * 16
    let job = Job(
      attention: dk_attention(
        query: query.data, key: key.data, value: value.data, query_stride: query.stride,
        key_stride: key.stride, value_stride: value.stride, out: out.data, out_stride: out.stride,
        heads: heads, depth: headDimension, queries: queries, keys: keys, causal: causal ? 1 : 0,
        pairs: precision == .f32 ? 0 : 1, instructions: compute.instructions.kernels),
      scratch: Rows(data: try arena.floats(slices * each), stride: each))
    let parts = min(
      groups, compute.parts(2 * Double(batch * heads * queries) * Double(keys * headDimension)))
    for part in 0..<parts {
      try compute.pause()
      let start = groups * part / parts
      let count = groups * (part + 1) / parts - start
      let pieces =
        slices == 1 ? 1 : max(slices, (count + Self.pieceGroups - 1) / Self.pieceGroups)
      compute.pool.share(parts: pieces, slices: slices) { slice, piece in
        let first = count * piece / pieces
        withUnsafePointer(to: job.attention) { attention in
          dk_attention_slice(
            attention, start + first, count * (piece + 1) / pieces - first,
            job.scratch.row(slice))
        }
      }
    }
  }
}
