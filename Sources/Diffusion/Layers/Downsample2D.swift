internal import Cores

/// diffusers' `Downsample2D`: a convolution of stride 2.
struct Downsample2D: Sendable {
  let conv: Convolution2D

  /// `padding` 1 pads all sides; 0 pads one row and column at the end, as the autoencoder does.
  init(_ scope: WeightScope, channels: Int, padding: Int) throws(DiffusionError) {
    conv = try Convolution2D(
      scope["conv"], in: channels, out: channels, stride: 2,
      padding: padding == 1 ? .same : Convolution2D.Padding(before: 0, after: 1))
  }

  func forward(_ x: Tensor, _ compute: Compute) throws(DiffusionError) -> Tensor {
    let out = try compute.arena.tensor(
      batch: x.batch, height: conv.outputSize(x.height), width: conv.outputSize(x.width),
      channels: x.channels)
    try conv.forward(x, into: out, compute)
    return out
  }
}
