/// One picture from a request: prompt → embedding, noise → latents → picture, as diffusers'
/// `StableDiffusionPipeline` goes about it.
struct Pipeline {
  let checkpoint: Checkpoint
  let compute: Compute

  /// 3 · width · height values, about −1 … 1. The request has been validated.
  func picture(
    _ request: DiffusionRequest, progress: (DiffusionProgress) throws -> Void
  ) throws -> [Float] {
    let latents = try compute.arena.tensor(
      batch: 1, height: request.height / checkpoint.autoencoder.pixelsPerRow,
      width: request.width / checkpoint.autoencoder.pixelsPerColumn,
      channels: checkpoint.autoencoder.latentChannels)
    var scheduler = try scheduler(request)
    var noise = NoiseGenerator(seed: request.seed)
    if let initial = request.initial {
      let start = try begin(latents, from: initial, request, scheduler, &noise, progress)
      if let start { try denoise(latents, request, &scheduler, start, &noise, progress) }
    } else {
      Self.fill(latents, scale: scheduler.initialNoiseScale, from: &noise)
      try denoise(latents, request, &scheduler, 0, &noise, progress)
    }
    guard latents.isFinite else { throw notFinite("denoising") }

    compute.arena.trim()
    let autoencoder = checkpoint.autoencoder
    for index in 0..<latents.count { latents.data[index] /= autoencoder.scalingFactor }
    let parts = autoencoder.decodingParts
    let picture = try autoencoder.decode(
      latents,
      check: { part in
        try progress(DiffusionProgress(stage: .decoding, step: part, steps: parts))
      }, compute)
    guard picture.isFinite else { throw notFinite("decoding") }
    return Array(picture.floats)
  }

  /// Draws in PyTorch's order, channel by channel, into a channels-last map.
  static func fill(_ latents: Tensor, scale: Float, from noise: inout NoiseGenerator) {
    let values = noise.normal(latents.count)
    let pixels = latents.rows
    for pixel in 0..<pixels {
      for channel in 0..<latents.channels {
        latents.row(pixel)[channel] = values[channel * pixels + pixel] * scale
      }
    }
  }

  /// Runs the scheduler's steps from index `start` on.
  private func denoise(
    _ latents: Tensor, _ request: DiffusionRequest, _ scheduler: inout any Scheduler, _ start: Int,
    _ noise: inout NoiseGenerator, _ progress: (DiffusionProgress) throws -> Void
  ) throws {
    let guided = request.guidanceScale > 1
    let timesteps = scheduler.timesteps
    let indices = min(start, timesteps.count)..<timesteps.count
    func report(_ index: Int) throws {
      try progress(
        DiffusionProgress(
          stage: .denoising, step: index - indices.lowerBound, steps: indices.count))
    }
    try report(indices.lowerBound)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let embedding = try self.embedding(of: request, guided: guided)
    let context = try checkpoint.unet.context(embedding, compute)
    let input = try compute.arena.tensor(
      batch: embedding.batch, height: latents.height, width: latents.width,
      channels: latents.channels)
    let output = try compute.arena.tensor(like: input)
    for index in indices {
      if index > indices.lowerBound { try report(index) }
      for item in 0..<input.batch {
        scheduler.scaleModelInput(latents, step: index, into: input.item(item))
      }
      try checkpoint.unet.forward(
        input, timestep: timesteps[index], context: context, into: output, compute)
      if guided {
        Self.guide(output.item(0), toward: output.item(1), scale: Float(request.guidanceScale))
      }
      scheduler.step(index, output: output.item(0), sample: latents, noise: &noise)
    }
    try report(indices.upperBound)
  }

  /// Classifier-free guidance, in place. Ho and Salimans, 2022 (arXiv:2207.12598).
  private static func guide(_ unconditional: Tensor, toward conditional: Tensor, scale: Float) {
    for index in 0..<unconditional.count {
      let base = unconditional.data[index]
      unconditional.data[index] = base + scale * (conditional.data[index] - base)
    }
  }

  func notFinite(_ stage: String) -> DiffusionError {
    .internal(
      "\(checkpoint.directory): \(stage) gave values that are infinite or not numbers; the "
        + "model's weights or its configuration are damaged")
  }
}
