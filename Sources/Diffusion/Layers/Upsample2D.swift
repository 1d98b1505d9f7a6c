internal import Cores

/// diffusers' `Upsample2D`: each pixel repeated, then a convolution.
struct Upsample2D: Sendable {
  let conv: Convolution2D

  init(_ scope: WeightScope, channels: Int) throws(DiffusionError) {
    conv = try Convolution2D(scope["conv"], in: channels, out: channels)
  }

  /// The nearest pixel decides; `height` and `width` are twice the map's, or one less where the way
  /// down rounded up.
  func forward(
    _ x: Tensor, height: Int, width: Int, _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let out = try compute.arena.tensor(
      batch: x.batch, height: height, width: width, channels: x.channels)
    try forward(x, into: out, compute)
    return out
  }

  /// The same, the size being that of `out`.
  func forward(_ x: Tensor, into out: Tensor, _ compute: Compute) throws(DiffusionError) {
    try conv.forward(x, into: out, enlarged: true, compute)
  }
}
