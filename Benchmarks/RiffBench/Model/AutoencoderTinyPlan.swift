/// `vae-tiny/config.json`, an `AutoencoderTiny` (TAESD), as far as the plans need it.
struct AutoencoderTinyPlan: Decodable {
  let decoderBlockOutChannels: [Int]
  let encoderBlockOutChannels: [Int]
  let inChannels: Int
  let latentChannels: Int
  let numDecoderBlocks: [Int]
  let numEncoderBlocks: [Int]
  let outChannels: Int

  private var levels: Int { self.numDecoderBlocks.count }

  /// A picture of `size` × `size` to its latents.
  func encoder(size: Int) -> ModelPlan {
    var plan = ModelPlan()
    let width = self.encoderBlockOutChannels[0]
    var layer = 0
    for (level, blocks) in self.numEncoderBlocks.enumerated() {
      let pixels = (size >> level) * (size >> level)
      plan.convolution(
        "encoder.layers.\(layer)", level == 0 ? self.inChannels : width, width, pixels: pixels,
        bias: level == 0)
      layer += 1
      for _ in 0..<blocks {
        Self.block("encoder.layers.\(layer)", width, pixels: pixels, &plan)
        layer += 1
      }
    }
    let deepest = size >> (self.levels - 1)
    plan.convolution(
      "encoder.layers.\(layer)", width, self.latentChannels, pixels: deepest * deepest)
    return plan
  }

  /// Latents to a picture of `size` × `size`.
  func decoder(size: Int) -> ModelPlan {
    var plan = ModelPlan()
    let width = self.decoderBlockOutChannels[0]
    func pixels(_ level: Int) -> Int {
      let side = size >> (self.levels - 1 - level)
      return side * side
    }
    plan.convolution("decoder.layers.0", self.latentChannels, width, pixels: pixels(0))
    // The second is the ReLU.
    var layer = 2
    for (level, blocks) in self.numDecoderBlocks.enumerated() {
      for _ in 0..<blocks {
        Self.block("decoder.layers.\(layer)", width, pixels: pixels(level), &plan)
        layer += 1
      }
      if level < self.levels - 1 {
        // The one before it repeats pixels.
        plan.convolution(
          "decoder.layers.\(layer + 1)", width, width, pixels: pixels(level + 1), bias: false)
        layer += 2
      } else {
        plan.convolution("decoder.layers.\(layer)", width, self.outChannels, pixels: pixels(level))
      }
    }
    return plan
  }

  private static func block(
    _ name: String, _ width: Int, pixels: Int, _ plan: inout ModelPlan
  ) {
    for index in [0, 2, 4] {
      plan.convolution("\(name).conv.\(index)", width, width, pixels: pixels)
    }
  }
}
