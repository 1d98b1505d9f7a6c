internal import Cores

/// diffusers' `UNetMidBlock2D` of an autoencoder: resnet, attention of one head, resnet.
struct AutoencoderMidBlock: Sendable {
  private let first: ResnetBlock2D
  private let attention: SpatialAttention?
  private let second: ResnetBlock2D

  init(
    _ scope: WeightScope, channels: Int, _ configuration: AutoencoderKLConfiguration
  ) throws(DiffusionError) {
    first = try configuration.resnet(scope, 0, in: channels, out: channels)
    attention =
      configuration.midBlockAttention
      ? try SpatialAttention(
        scope["attentions", 0], channels: channels, groups: configuration.groups) : nil
    second = try configuration.resnet(scope, 1, in: channels, out: channels)
  }

  func forward(_ x: Tensor, _ compute: Compute) throws(DiffusionError) -> Tensor {
    let out = try compute.arena.tensor(like: x)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let hidden = try compute.arena.tensor(like: x)
    try first.forward(x, time: nil, into: hidden, compute)
    try attention?.forward(hidden, compute)
    try second.forward(hidden, time: nil, into: out, compute)
    return out
  }
}
