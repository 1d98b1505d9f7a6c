internal import CDiffusionKernels
internal import Cores

/// diffusers' `FeedForward` with GEGLU (Shazeer, 2020, arXiv:2002.05202), four times as wide inside.
struct FeedForward: Sendable {
  let projection: Linear
  let output: Linear
  let inner: Int

  init(_ scope: WeightScope, channels: Int) throws(DiffusionError) {
    inner = 4 * channels
    projection = try Linear(scope["net", 0]["proj"], in: channels, out: 2 * inner)
    output = try Linear(scope["net", 2], in: inner, out: channels)
  }

  /// out = feedForward(x) + out. Some rows after the other, so that what is four and eight times as wide
  /// stays in cache.
  func add(_ x: Tensor, onto out: Tensor, _ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let most = max(Self.fewestRows, Self.budget / (3 * inner))
    let parts = (x.rows + most - 1) / most
    let largest = (x.rows + parts - 1) / parts
    let gated = Rows(data: try compute.arena.floats(largest * inner), stride: inner)
    let wide = Rows(data: try compute.arena.floats(2 * largest * inner), stride: 2 * inner)
    for part in 0..<parts {
      let first = x.rows * part / parts
      let count = x.rows * (part + 1) / parts - first
      try projection.forward(
        Rows(data: x.row(first), stride: x.channels), rows: count, into: wide, compute)
      compute.begin(.activation, rows: count, inputs: 2 * inner, outputs: inner)
      compute.pool.split(count, grain: max(1, (1 << 13) / inner)) { rows in
        dk_geglu(wide.row(rows.lowerBound), gated.row(rows.lowerBound), rows.count, inner)
      }
      compute.end()
      let sum = Rows(data: out.row(first), stride: out.channels)
      try output.forward(gated, rows: count, into: sum, residual: sum, compute)
    }
  }

  /// Floats of what lies between the layers: 8 MiB, as ``WeightProduct`` keeps of transformed maps.
  private static let budget = 2 << 20
  /// Fewer rows do not repay reading the weights again.
  private static let fewestRows = 256
}
