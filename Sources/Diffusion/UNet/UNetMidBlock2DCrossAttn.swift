internal import Cores

/// diffusers' `UNetMidBlock2DCrossAttn` of one layer.
struct UNetMidBlock2DCrossAttn: Sendable {
  let first: ResnetBlock2D
  let attention: Transformer2DModel
  let second: ResnetBlock2D

  func forward(
    _ x: Tensor, time: StepTime, context: CrossAttentionContext, _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let out = try compute.arena.tensor(like: x)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let hidden = try compute.arena.tensor(like: x)
    try first.forward(x, time: time, into: hidden, compute)
    try attention.forward(hidden, context: context, compute)
    try second.forward(hidden, time: time, into: out, compute)
    return out
  }
}
