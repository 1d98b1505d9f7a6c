/// `unet/config.json` of a Stable Diffusion 1.x model, as far as the plan needs it.
struct UNetPlan: Decodable {
  let attentionHeadDim: Int
  let blockOutChannels: [Int]
  let crossAttentionDim: Int
  let downBlockTypes: [String]
  let inChannels: Int
  let layersPerBlock: Int
  let outChannels: Int
  let sampleSize: Int
  let upBlockTypes: [String]

  /// One run on one map of `sampleSize` × `sampleSize` latents and a prompt of `tokens`.
  func plan(tokens: Int) -> ModelPlan {
    var plan = ModelPlan()
    let channels = self.blockOutChannels
    let levels = channels.count
    let time = 4 * channels[0]
    func pixels(_ level: Int) -> Int { (self.sampleSize >> level) * (self.sampleSize >> level) }

    plan.convolution("conv_in", self.inChannels, channels[0], pixels: pixels(0))
    plan.linear("time_embedding.linear_1", channels[0], time, rows: 1)
    plan.linear("time_embedding.linear_2", time, time, rows: 1)
    var width = channels[0]
    var skips = [width]
    for level in 0..<levels {
      let block = "down_blocks.\(level)"
      for layer in 0..<self.layersPerBlock {
        plan.resnet(
          "\(block).resnets.\(layer)", width, channels[level], time: time, pixels: pixels(level))
        width = channels[level]
        if self.downBlockTypes[level].hasPrefix("CrossAttn") {
          self.transformer(
            "\(block).attentions.\(layer)", width, pixels: pixels(level), tokens, &plan)
        }
        skips.append(width)
      }
      if level < levels - 1 {
        plan.convolution(
          "\(block).downsamplers.0.conv", width, width, pixels: pixels(level + 1))
        skips.append(width)
      }
    }
    let deepest = pixels(levels - 1)
    plan.resnet("mid_block.resnets.0", width, width, time: time, pixels: deepest)
    self.transformer("mid_block.attentions.0", width, pixels: deepest, tokens, &plan)
    plan.resnet("mid_block.resnets.1", width, width, time: time, pixels: deepest)
    for (index, level) in (0..<levels).reversed().enumerated() {
      let block = "up_blocks.\(index)"
      for layer in 0...self.layersPerBlock {
        plan.resnet(
          "\(block).resnets.\(layer)", width + skips.removeLast(), channels[level], time: time,
          pixels: pixels(level))
        width = channels[level]
        if self.upBlockTypes[index].hasPrefix("CrossAttn") {
          self.transformer(
            "\(block).attentions.\(layer)", width, pixels: pixels(level), tokens, &plan)
        }
      }
      if level > 0 {
        plan.convolution("\(block).upsamplers.0.conv", width, width, pixels: pixels(level - 1))
      }
    }
    plan.norm("conv_norm_out", width)
    plan.convolution("conv_out", width, self.outChannels, pixels: pixels(0))
    return plan
  }

  private func transformer(
    _ name: String, _ channels: Int, pixels: Int, _ tokens: Int, _ plan: inout ModelPlan
  ) {
    plan.norm("\(name).norm", channels)
    plan.convolution("\(name).proj_in", channels, channels, size: 1, pixels: pixels)
    let block = "\(name).transformer_blocks.0"
    for (index, source, keys) in [
      (1, channels, pixels), (2, self.crossAttentionDim, tokens),
    ] {
      let attention = "\(block).attn\(index)"
      plan.norm("\(block).norm\(index)", channels)
      plan.linear("\(attention).to_q", channels, channels, bias: false, rows: pixels)
      plan.linear("\(attention).to_k", source, channels, bias: false, rows: keys)
      plan.linear("\(attention).to_v", source, channels, bias: false, rows: keys)
      plan.attention(queries: pixels, keys: keys, channels: channels)
      plan.linear("\(attention).to_out.0", channels, channels, rows: pixels)
    }
    plan.norm("\(block).norm3", channels)
    plan.linear("\(block).ff.net.0.proj", channels, 8 * channels, rows: pixels)
    plan.linear("\(block).ff.net.2", 4 * channels, channels, rows: pixels)
    plan.convolution("\(name).proj_out", channels, channels, size: 1, pixels: pixels)
  }
}

extension ModelPlan {
  /// diffusers' `ResnetBlock2D`.
  mutating func resnet(
    _ name: String, _ inChannels: Int, _ outChannels: Int, time: Int?, pixels: Int
  ) {
    self.norm("\(name).norm1", inChannels)
    self.convolution("\(name).conv1", inChannels, outChannels, pixels: pixels)
    if let time { self.linear("\(name).time_emb_proj", time, outChannels, rows: 1) }
    self.norm("\(name).norm2", outChannels)
    self.convolution("\(name).conv2", outChannels, outChannels, pixels: pixels)
    if inChannels != outChannels {
      self.convolution(
        "\(name).conv_shortcut", inChannels, outChannels, size: 1, pixels: pixels)
    }
  }
}
