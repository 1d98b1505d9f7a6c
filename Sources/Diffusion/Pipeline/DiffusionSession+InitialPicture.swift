internal import Cores

extension DiffusionSession {
  /// Fills the latents with the initial picture's and the noise that the strength asks for, as
  /// riffusion's `riffuse` does with equal start and end.
  ///
  /// Returns the index of the step to begin with, or nil where the picture is to come back as it is.
  /// ``noise`` is left where the noise of the steps continues.
  func begin(
    _ compute: Compute, _ progress: (DiffusionProgress) throws -> Void
  ) throws -> Int? {
    guard let initial = request.initial else { return 0 }
    return try latents.withTensor { latents in
      try encode(initial.image, into: latents, compute, progress)
      compute.arena.trim()
      let kept = Int(Double(request.steps) * initial.strength)
      guard kept > 0 else { return nil }
      let offset = scheduler.stepsOffset
      let count = min(kept + offset, request.steps)
      let mark = compute.arena.mark()
      defer { compute.arena.release(to: mark) }
      // Numerically the noise that the encoding was sampled with: riffusion seeds anew as well.
      let added = try compute.arena.tensor(like: latents)
      added.setNoise(scale: 1, from: &noise)
      // A DPM-Solver whose configuration cuts timesteps off may have fewer than steps were asked for.
      scheduler.addNoise(added, to: latents, step: max(scheduler.timesteps.count - count, 0))
      return max(request.steps - count + offset, 0)
    }
  }

  /// A sample of the picture's latents, scaled as the U-Net takes them.
  private func encode(
    _ image: RGBImage, into latents: Tensor, _ compute: Compute,
    _ progress: (DiffusionProgress) throws -> Void
  ) throws {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let resized = image.resized(width: request.width, height: request.height)
    let picture = try compute.arena.tensor(
      batch: 1, height: request.height, width: request.width, channels: 3)
    for (index, value) in resized.pixels.enumerated() {
      picture.data[index] = 2 * (Float(value) / 255) - 1
    }
    let autoencoder = checkpoint.autoencoder
    let parts = autoencoder.encodingParts
    let distribution = try autoencoder.encode(
      picture,
      check: { part in
        try progress(DiffusionProgress(stage: .encoding, step: part, steps: parts))
      }, compute)
    var noise = NoiseGenerator(seed: request.seed)
    distribution.sample(into: latents, from: &noise)
    for index in 0..<latents.count { latents.data[index] *= autoencoder.scalingFactor }
    guard latents.isFinite else { throw notFinite("encoding") }
  }
}
