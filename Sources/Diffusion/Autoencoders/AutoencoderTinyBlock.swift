internal import Cores

/// diffusers' `AutoencoderTinyBlock`: three convolutions with ReLU, added to what came in, ReLU.
struct AutoencoderTinyBlock: Sendable {
  private let convolutions: [Convolution2D]

  init(_ scope: WeightScope, channels: Int) throws(DiffusionError) {
    var convolutions: [Convolution2D] = []
    for index in [0, 2, 4] {
      convolutions.append(
        try Convolution2D(scope["conv", index], in: channels, out: channels))
    }
    self.convolutions = convolutions
  }

  /// `out` is not `x`.
  func forward(_ x: Tensor, into out: Tensor, _ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let hidden = try compute.arena.tensor(like: x)
    try convolutions[0].forward(x, into: out, compute)
    out.rectify(compute)
    try convolutions[1].forward(out, into: hidden, compute)
    hidden.rectify(compute)
    try convolutions[2].forward(hidden, into: out, residual: x, compute)
    out.rectify(compute)
  }
}

extension Tensor {
  /// ReLU, in place.
  func rectify(_ compute: Compute) {
    compute.begin(.activation, rows: rows, inputs: channels, outputs: channels)
    compute.pool.split(rows, grain: max(1, (1 << 14) / channels)) { some in
      let values = UnsafeMutableBufferPointer(
        start: row(some.lowerBound), count: some.count * channels)
      for index in values.indices { values[index] = values[index] < 0 ? 0 : values[index] }
    }
    compute.end()
  }
}
