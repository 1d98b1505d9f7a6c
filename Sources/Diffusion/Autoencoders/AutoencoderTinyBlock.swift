internal import Cores

/// diffusers' `AutoencoderTinyBlock`: three convolutions with ReLU, added to what came in, ReLU.
struct AutoencoderTinyBlock: Sendable {
  /// Convolutions, one after the other.
  static let depth = 3

  let channels: Int
  private let convolutions: [Convolution2D]

  init(_ scope: WeightScope, channels: Int) throws(DiffusionError) {
    var convolutions: [Convolution2D] = []
    for index in [0, 2, 4] {
      convolutions.append(
        try Convolution2D(scope["conv", index], in: channels, out: channels))
    }
    self.channels = channels
    self.convolutions = convolutions
  }

  /// In place; `first` and `second` are overwritten.
  func forward(
    _ x: Tensor, by first: Tensor, _ second: Tensor, _ compute: Compute
  ) throws(DiffusionError) {
    try convolutions[0].forward(x, into: first, rectified: true, compute)
    try convolutions[1].forward(first, into: second, rectified: true, compute)
    try convolutions[2].forward(second, into: x, residual: x, rectified: true, compute)
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
