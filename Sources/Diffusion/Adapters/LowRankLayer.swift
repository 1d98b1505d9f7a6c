internal import CDiffusionKernels
internal import Cores

/// An adapter of one layer that runs beside the layer's own weights, which stay as they are:
/// out += scale · (x · downᵀ) · upᵀ. Hu et al., 2021 (LoRA, arXiv:2106.09685).
struct LowRankLayer: Sendable {
  /// [rank, columns]: of a convolution, one with the layer's own kernel to `rank` channels.
  let down: MatrixWeight
  /// [rows, rank].
  let up: MatrixWeight
  /// Where in the layer's output it begins.
  let firstRow: Int
  var scale: Float

  var rank: Int { down.rows }

  /// `rows`, `count` and `sourceCount` are those of the layer's own product, whose result `out` has.
  /// `run` makes the product with `down`.
  func add(
    _ rows: dk_rows, count: Int, sourceCount: Int, onto out: Rows, _ compute: Compute,
    run: (WeightProduct) throws(DiffusionError) -> Void
  ) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let rank = rank
    let low = Rows(data: try compute.arena.floats(count * rank), stride: rank)
    try run(
      WeightProduct(
        rows: rows, count: count, sourceCount: sourceCount, weight: down, bias: nil, residual: nil,
        out: low, compute))
    let scale = scale
    compute.pool.split(count, grain: max(1, (1 << 15) / rank)) { rows in
      let data = low.row(rows.lowerBound)
      for index in 0..<rows.count * rank { data[index] *= scale }
    }
    var narrow = dk_rows()
    narrow.data = UnsafePointer(low.data)
    narrow.stride = rank
    let part = Rows(data: out.data + firstRow, stride: out.stride)
    try WeightProduct(
      rows: narrow, count: count, weight: up, bias: nil, residual: part, out: part, compute
    ).run(compute)
  }
}
