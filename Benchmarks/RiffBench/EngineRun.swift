import Diffusion

/// One part of a model with an input for it.
struct EngineRun {
  let part: EnginePart
  let flops: Double
  private let model: SoloModel
  private let input: [Float]
  private let embedding: [Float]
  private let size: Int

  init(_ part: EnginePart, _ plan: StableDiffusionPlan, _ model: SoloModel) {
    self.part = part
    self.model = model
    let channels: Int
    switch part {
    case .unet:
      self.flops = plan.unet.plan(tokens: StableDiffusionPlan.tokens).flops
      self.size = plan.unet.sampleSize
      channels = plan.unet.inChannels
    case .decoder:
      self.flops = plan.autoencoder.decoder.flops
      self.size = plan.autoencoder.latentSize
      channels = plan.autoencoder.latentChannels
    case .tinyDecoder:
      self.flops = plan.tiny.decoder(size: plan.autoencoder.sampleSize).flops
      self.size = plan.autoencoder.latentSize
      channels = plan.tiny.latentChannels
    case .encoder:
      self.flops = plan.autoencoder.encoder.flops
      self.size = plan.autoencoder.sampleSize
      channels = plan.autoencoder.inChannels
    }
    let context = StableDiffusionPlan.tokens * plan.textEncoder.hiddenSize
    self.input = Self.waves(self.size * self.size * channels)
    self.embedding = Self.waves(context)
  }

  /// Once, from input to output.
  func run() throws -> [Float] {
    switch self.part {
    case .unet:
      try self.model.predict(
        self.input, batch: 1, height: self.size, width: self.size, timestep: 500,
        embedding: self.embedding)
    case .decoder, .tinyDecoder:
      try self.model.decode(self.input, height: self.size, width: self.size)
    case .encoder:
      try self.model.encode(self.input, height: self.size, width: self.size)
    }
  }

  /// Numbers between -1 and 1 that do not repeat.
  private static func waves(_ count: Int) -> [Float] {
    (0..<count).map { index in
      let turn = Float(index) * 0.618_034
      return 2 * (turn - turn.rounded(.down)) - 1
    }
  }
}
