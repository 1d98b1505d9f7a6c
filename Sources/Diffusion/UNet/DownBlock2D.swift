internal import Cores

/// diffusers' `DownBlock2D` and `CrossAttnDownBlock2D`: the latter has transformers.
struct DownBlock2D: Sendable {
  let resnets: [ResnetBlock2D]
  /// One a resnet, or none.
  let attentions: [Transformer2DModel]
  let downsampler: Downsample2D?

  /// Appends each layer's result to `states`; the last of them is the block's.
  func forward(
    _ x: Tensor, time: StepTime, context: CrossAttentionContext, states: inout [Tensor],
    _ compute: Compute
  ) throws(DiffusionError) {
    var x = x
    for (index, resnet) in resnets.enumerated() {
      let out = try compute.arena.tensor(like: x, channels: resnet.outChannels)
      try resnet.forward(x, time: time, into: out, compute)
      if !attentions.isEmpty {
        try attentions[index].forward(out, context: context, compute)
      }
      states.append(out)
      x = out
    }
    if let downsampler { states.append(try downsampler.forward(x, compute)) }
  }
}
