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

  /// out = feedForward(x) + out.
  func add(_ x: Tensor, onto out: Tensor, _ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let gated = try compute.arena.tensor(like: x, channels: inner)
    let wide = try compute.arena.tensor(like: x, channels: 2 * inner)
    try projection.forward(x, into: wide, compute)
    compute.begin(.activation, rows: x.rows, inputs: 2 * inner, outputs: inner)
    compute.pool.split(x.rows, grain: max(1, (1 << 13) / inner)) { rows in
      dk_geglu(wide.row(rows.lowerBound), gated.row(rows.lowerBound), rows.count, inner)
    }
    compute.end()
    try output.forward(gated, into: out, residual: out, compute)
  }
}
