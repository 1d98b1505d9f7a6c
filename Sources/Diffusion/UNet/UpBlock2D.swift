internal import Cores

/// diffusers' `UpBlock2D` and `CrossAttnUpBlock2D`: the latter has transformers.
struct UpBlock2D: Sendable {
  let resnets: [ResnetBlock2D]
  /// One a resnet, or none.
  let attentions: [Transformer2DModel]
  let upsampler: Upsample2D?

  /// Takes one of `states` a layer from its end; the way up ends at the size of the next of them.
  func forward(
    _ x: Tensor, time: StepTime, context: CrossAttentionContext, states: inout [Tensor],
    _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let x = try forward(
      x, layers: resnets.indices, time: time, context: context, states: &states, compute)
    guard let upsampler else { return x }
    guard let next = states.last else { throw .internal("the U-Net ran out of skips") }
    return try upsampler.forward(x, height: next.height, width: next.width, compute)
  }

  /// Some of the layers, without what follows them.
  func forward(
    _ x: Tensor, layers: Range<Int>, time: StepTime, context: CrossAttentionContext,
    states: inout [Tensor], _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    var x = x
    for index in layers {
      let resnet = resnets[index]
      guard let skip = states.popLast() else { throw .internal("the U-Net ran out of skips") }
      let out = try compute.arena.tensor(like: x, channels: resnet.outChannels)
      let mark = compute.arena.mark()
      defer { compute.arena.release(to: mark) }
      let joined = try Self.join(x, skip, compute)
      try resnet.forward(joined, time: time, into: out, compute)
      if !attentions.isEmpty {
        try attentions[index].forward(out, context: context, compute)
      }
      x = out
    }
    return x
  }

  /// The channels of `first`, then those of `second`.
  private static func join(
    _ first: Tensor, _ second: Tensor, _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    precondition(first.rows == second.rows)
    let out = try compute.arena.tensor(
      like: first, channels: first.channels + second.channels)
    compute.begin(.layout, rows: out.rows, inputs: out.channels, outputs: out.channels)
    defer { compute.end() }
    compute.pool.split(out.rows, grain: max(1, (1 << 14) / out.channels)) { rows in
      for row in rows {
        out.row(row).update(from: first.row(row), count: first.channels)
        (out.row(row) + first.channels).update(from: second.row(row), count: second.channels)
      }
    }
    return out
  }
}
