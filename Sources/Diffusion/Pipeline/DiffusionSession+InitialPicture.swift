internal import Cores

extension DiffusionSession {
  /// Fills the latents with the initial picture's and the noise that the strength asks for, and keeps
  /// what a mask and the U-Net need.
  ///
  /// Returns the index of the step to begin with, or nil where the picture is to come back as it is.
  /// ``noise`` is left where the noise of the steps continues.
  func begin(
    _ compute: Compute, _ progress: (DiffusionProgress) throws -> Void
  ) throws -> Int? {
    try latents.withTensor { latents in
      if checkpoint.takesMask || request.mask?.noising == .nextStep {
        return try inpaint(latents, compute, progress)
      }
      return try riffuse(latents, compute, progress)
    }
  }

  /// As riffusion's `riffuse` does it.
  private func riffuse(
    _ latents: Tensor, _ compute: Compute, _ progress: (DiffusionProgress) throws -> Void
  ) throws -> Int? {
    guard let initial = request.initial else { return 0 }
    var encoder = EncodingProgress(pictures: 1)
    // Numerically the noise that is added as well: riffusion seeds anew.
    var sampling = NoiseGenerator(seed: request.seed)
    try encode(initial.image, into: latents, from: &sampling, &encoder, compute, progress)
    compute.arena.trim()
    let kept = Int(Double(request.steps) * initial.strength)
    guard kept > 0 else { return nil }
    let offset = scheduler.stepsOffset
    let count = min(kept + offset, request.steps)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let added = try compute.arena.tensor(like: latents)
    try drawNoise(into: added, compute)
    if let mask = request.mask {
      self.kept = try KeptLatents(mask, clean: latents, noise: added)
    }
    // A DPM-Solver whose configuration cuts timesteps off may have fewer than steps were asked for.
    let runs = scheduler.runsPerStep
    if runs > 1 {
      let first = (request.steps - count) * runs
      scheduler.addNoise(added, to: latents, step: first)
      return min(first + offset * runs, scheduler.timesteps.count)
    }
    scheduler.addNoise(added, to: latents, step: max(scheduler.timesteps.count - count, 0))
    return max(request.steps - count + offset, 0)
  }

  /// As diffusers' `StableDiffusionInpaintPipeline` does it, whose draws come in this order: a sample
  /// of the picture's latents (where they are needed), the noise, a sample of the masked picture's.
  ///
  /// Without a mask all is painted over, without a picture from noise alone. What a U-Net was told to keep is not put
  /// back there, and comes out a little different. A linear patch autoencoder has no pipeline in diffusers; with one,
  /// what is kept is put back after each step, in proportion where the mask is grey, and stays as it is.
  private func inpaint(
    _ latents: Tensor, _ compute: Compute, _ progress: (DiffusionProgress) throws -> Void
  ) throws -> Int? {
    let strength = request.initial?.strength ?? 1
    let count = min(Int(Double(request.steps) * strength), request.steps)
    let putsBack =
      request.mask != nil && request.initial != nil
      && (!checkpoint.takesMask || checkpoint.autoencoder is LinearPatchAutoencoder)
    let needsPicture = strength < 1 || !checkpoint.takesMask || putsBack
    var encoder = EncodingProgress(
      pictures: (needsPicture ? 1 : 0) + (checkpoint.takesMask ? 1 : 0))
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let added = try compute.arena.tensor(like: latents)
    let clean = try compute.arena.tensor(like: latents)
    if needsPicture, let initial = request.initial {
      try encode(initial.image, into: clean, from: &noise, &encoder, compute, progress)
      guard count > 0 else {
        latents.copy(from: clean)
        return nil
      }
    }
    try drawNoise(into: added, compute)
    let start = min(
      (request.steps - count) * scheduler.runsPerStep, max(scheduler.timesteps.count - 1, 0))
    if strength < 1 {
      latents.copy(from: clean)
      scheduler.addNoise(added, to: latents, step: start)
    } else {
      let scale = scheduler.initialNoiseScale
      for index in 0..<latents.count { latents.data[index] = scale * added.data[index] }
    }
    if checkpoint.takesMask { try prepareMask(&encoder, compute, progress) }
    if putsBack, let mask = request.mask {
      var mask = mask
      mask.noising = .nextStep
      kept = try KeptLatents(mask, clean: clean, noise: added)
      // diffusers draws for the masked picture's latents, which such a U-Net does not take.
      if !checkpoint.takesMask, checkpoint.autoencoder.isSampled { _ = noise.normal(latents.count) }
    }
    return start
  }

  /// What a U-Net of 2C + 1 channels sees beside the latents: the mask, 1 where to paint, and the
  /// latents of the picture with mid-grey there.
  private func prepareMask(
    _ encoder: inout EncodingProgress, _ compute: Compute,
    _ progress: (DiffusionProgress) throws -> Void
  ) throws {
    let painted =
      request.initial == nil
      ? nil : request.mask?.painted(width: request.width, height: request.height)
    let (height, width, channels) = latents.withTensor { ($0.height, $0.width, $0.channels) }
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let masked = try compute.arena.tensor(
      batch: 1, height: height, width: width, channels: channels)
    let image = request.initial?.image ?? RasterImage(width: 1, height: 1, pixels: [0, 0, 0])
    try encode(
      image, covered: painted ?? Array(repeating: true, count: request.width * request.height),
      into: masked, from: &noise, &encoder, compute, progress)
    let beside = try OwnedMap(batch: 1, height: height, width: width, channels: channels + 1)
    let autoencoder = checkpoint.autoencoder
    beside.withTensor { beside in
      for row in 0..<height {
        for column in 0..<width {
          let pixel = row * width + column
          let corner =
            row * autoencoder.pixelsPerRow * request.width + column * autoencoder.pixelsPerColumn
          beside.row(pixel)[0] = painted?[corner] ?? true ? 1 : 0
          (beside.row(pixel) + 1).update(from: masked.row(pixel), count: channels)
        }
      }
    }
    self.beside = beside
  }

  /// How far the encoding of one picture or more is.
  struct EncodingProgress {
    let pictures: Int
    var done = 0
  }

  /// A sample of the picture's latents, scaled as the U-Net takes them. Covered pixels, a value each of
  /// the request's size, are mid-grey.
  private func encode(
    _ image: RasterImage, covered: [Bool]? = nil, into latents: Tensor,
    from noise: inout NoiseGenerator, _ encoder: inout EncodingProgress, _ compute: Compute,
    _ progress: (DiffusionProgress) throws -> Void
  ) throws {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let resized = image.resized(width: request.width, height: request.height)
    /// Some of its pixel columns.
    func fill(_ columns: Range<Int>, _ picture: Tensor) {
      for row in 0..<request.height {
        let first = row * request.width + columns.lowerBound
        let values = picture.row(row * columns.count)
        for place in 0..<3 * columns.count {
          values[place] = 2 * (Float(resized.pixels[3 * first + place]) / 255) - 1
        }
        guard let covered else { continue }
        for column in 0..<columns.count where covered[first + column] {
          (values + 3 * column).update(repeating: 0, count: 3)
        }
      }
    }
    let autoencoder = checkpoint.autoencoder
    let parts = autoencoder.encodingParts
    let (done, pictures) = (encoder.done, encoder.pictures)
    let distribution = try autoencoder.encode(
      height: latents.height, width: latents.width, fill: fill,
      check: { part in
        try progress(
          DiffusionProgress(stage: .encoding, step: done * parts + part, steps: pictures * parts))
      }, compute)
    encoder.done += 1
    distribution.sample(into: latents, from: &noise)
    for index in 0..<latents.count { latents.data[index] *= autoencoder.scalingFactor }
    guard latents.isFinite else { throw notFinite("encoding") }
  }

  /// Standard-normal noise of the request's seed, moved towards another one's where it asks for that.
  func drawNoise(into map: Tensor, _ compute: Compute) throws {
    map.setNoise(scale: 1, from: &noise)
    guard let drift = request.drift else { return }
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let other = try compute.arena.tensor(like: map)
    var generator = NoiseGenerator(seed: drift.seed)
    other.setNoise(scale: 1, from: &generator)
    map.slerp(to: other, share: drift.share)
  }
}
