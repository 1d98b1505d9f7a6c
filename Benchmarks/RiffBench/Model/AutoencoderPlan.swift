/// `vae/config.json` of a Stable Diffusion model, as far as the plans need it.
struct AutoencoderPlan: Decodable {
  let blockOutChannels: [Int]
  let inChannels: Int
  let latentChannels: Int
  let layersPerBlock: Int
  let outChannels: Int
  let sampleSize: Int

  private var levels: Int { self.blockOutChannels.count }
  var latentSize: Int { self.sampleSize >> (self.levels - 1) }

  /// Pixels where the map has been halved `level` times.
  private func pixels(_ level: Int) -> Int {
    (self.sampleSize >> level) * (self.sampleSize >> level)
  }

  /// A picture of `sampleSize` × `sampleSize` to the moments of its latents.
  var encoder: ModelPlan {
    var plan = ModelPlan()
    var width = self.blockOutChannels[0]
    plan.convolution("encoder.conv_in", self.inChannels, width, pixels: self.pixels(0))
    for (level, channels) in self.blockOutChannels.enumerated() {
      let block = "encoder.down_blocks.\(level)"
      for layer in 0..<self.layersPerBlock {
        plan.resnet(
          "\(block).resnets.\(layer)", width, channels, time: nil, pixels: self.pixels(level))
        width = channels
      }
      if level < self.levels - 1 {
        plan.convolution(
          "\(block).downsamplers.0.conv", width, width, pixels: self.pixels(level + 1))
      }
    }
    self.middle("encoder", width, &plan)
    let moments = 2 * self.latentChannels
    let deepest = self.pixels(self.levels - 1)
    plan.norm("encoder.conv_norm_out", width)
    plan.convolution("encoder.conv_out", width, moments, pixels: deepest)
    plan.convolution("quant_conv", moments, moments, size: 1, pixels: deepest)
    return plan
  }

  /// Latents to a picture of `sampleSize` × `sampleSize`.
  var decoder: ModelPlan {
    var plan = ModelPlan()
    let deepest = self.pixels(self.levels - 1)
    var width = self.blockOutChannels[self.levels - 1]
    plan.convolution(
      "post_quant_conv", self.latentChannels, self.latentChannels, size: 1, pixels: deepest)
    plan.convolution("decoder.conv_in", self.latentChannels, width, pixels: deepest)
    self.middle("decoder", width, &plan)
    for (index, channels) in self.blockOutChannels.reversed().enumerated() {
      let level = self.levels - 1 - index
      let block = "decoder.up_blocks.\(index)"
      for layer in 0...self.layersPerBlock {
        plan.resnet(
          "\(block).resnets.\(layer)", width, channels, time: nil, pixels: self.pixels(level))
        width = channels
      }
      if level > 0 {
        plan.convolution(
          "\(block).upsamplers.0.conv", width, width, pixels: self.pixels(level - 1))
      }
    }
    plan.norm("decoder.conv_norm_out", width)
    plan.convolution("decoder.conv_out", width, self.outChannels, pixels: self.pixels(0))
    return plan
  }

  private func middle(_ part: String, _ width: Int, _ plan: inout ModelPlan) {
    let pixels = self.pixels(self.levels - 1)
    let block = "\(part).mid_block"
    plan.resnet("\(block).resnets.0", width, width, time: nil, pixels: pixels)
    let attention = "\(block).attentions.0"
    plan.norm("\(attention).group_norm", width)
    for name in ["to_q", "to_k", "to_v", "to_out.0"] {
      plan.linear("\(attention).\(name)", width, width, rows: pixels)
    }
    plan.attention(queries: pixels, keys: pixels, channels: width)
    plan.resnet("\(block).resnets.1", width, width, time: nil, pixels: pixels)
  }
}
