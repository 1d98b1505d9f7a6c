package import Cores

/// One picture in the making: its latents, conditioning, scheduler and noise.
///
/// Prompt → embedding, noise → latents → picture, as diffusers' `StableDiffusionPipeline` goes about it.
/// It advances by units of work (``next``); between two of them everything it needs is in memory of its
/// own, so that sessions of any models can take turns. Owned by one thread at a time.
public final class DiffusionSession {
  /// What the next call of ``advance(_:progress:)`` does; nil when the picture is done.
  public private(set) var next: DiffusionWork?
  public let request: DiffusionRequest

  let checkpoint: Checkpoint
  /// What runs beside the weights; nil: nothing.
  private let adapterSet: AdapterSet?
  /// What runs beside the model's weights. Sessions of one model share their weights where these are equal.
  public var adapters: [ModelAdapter] { adapterSet?.adapters ?? [] }
  /// [1, height, width, channels], scaled as the U-Net takes them.
  let latents: OwnedMap
  var scheduler: any Scheduler
  var noise: NoiseGenerator
  let encodings: [PromptEncoding]
  /// What a mask keeps of the initial picture.
  var kept: KeptLatents?
  /// What an inpainting U-Net sees beside the latents: [1, height, width, 1 + channels].
  var beside: OwnedMap?
  private var conditioning: Conditioning?
  /// Indices of the scheduler's timesteps that are run.
  private var indices: Range<Int>
  /// The picture before it becomes 8-bit: 3 · width · height values, about −1 … 1.
  private(set) var values: [Float] = []

  /// The request has been validated.
  init(
    _ checkpoint: Checkpoint, _ request: DiffusionRequest, adapters: AdapterSet? = nil
  ) throws(DiffusionError) {
    self.checkpoint = checkpoint
    adapterSet = adapters
    self.request = request
    let autoencoder = checkpoint.autoencoder
    latents = try OwnedMap(
      batch: 1, height: request.height / autoencoder.pixelsPerRow,
      width: request.width / autoencoder.pixelsPerColumn, channels: autoencoder.latentChannels)
    scheduler = try checkpoint.schedulers.plan(request.scheduler)
      .scheduler(steps: request.steps, eta: request.eta)
    noise = NoiseGenerator(seed: request.seed)
    encodings = request.encodings(by: PromptEncoder(tokenizer: checkpoint.tokenizer))
    indices = 0..<scheduler.timesteps.count
    if request.initial == nil, !checkpoint.takesMask {
      try drawLatents()
      next = .condition
    } else {
      next = .encode
    }
  }

  /// Noise alone.
  private func drawLatents() throws(DiffusionError) {
    let scale = scheduler.initialNoiseScale
    guard let drift = request.drift else {
      latents.withTensor { $0.setNoise(scale: scale, from: &noise) }
      return
    }
    let (height, width, channels) = latents.withTensor { ($0.height, $0.width, $0.channels) }
    let other = try OwnedMap(batch: 1, height: height, width: width, channels: channels)
    latents.withTensor { latents in
      latents.setNoise(scale: 1, from: &noise)
      other.withTensor { other in
        var generator = NoiseGenerator(seed: drift.seed)
        other.setNoise(scale: 1, from: &generator)
        latents.slerp(to: other, share: drift.share)
      }
      for index in 0..<latents.count { latents.data[index] *= scale }
    }
  }

  /// The prompts that are too long to reach the model whole.
  public var promptCuts: [PromptCut] {
    request.promptCuts(
      encodings, by: PromptEncoder(tokenizer: checkpoint.tokenizer))
  }

  /// Does ``next``, which must not be nil.
  ///
  /// `progress` runs before every denoising step and after the last, and between the parts of encoding
  /// and decoding; what it throws ends the work, and the session must not be used any more.
  ///
  /// Throws ``DiffusionError``: `invalidArgument` for weights in a prompt that leave no finite
  /// embedding, `outOfMemory` or `internal`; what `progress` throws; and `CancellationError` within a
  /// layer of the turn's seat being cancelled.
  package func advance(
    _ turn: Turn, progress: (DiffusionProgress) throws -> Void
  ) throws {
    do {
      try advance(Compute(turn), progress: progress)
    } catch let error as DiffusionError where error.kind == .interrupted {
      throw CancellationError()
    }
  }

  func advance(_ compute: Compute, progress: (DiffusionProgress) throws -> Void) throws {
    var compute = compute
    compute.adapters = adapterSet
    switch next {
    case nil: preconditionFailure("the picture is done")
    case .encode:
      let start = try begin(compute, progress)
      guard let start else {
        next = .decode
        return
      }
      indices = min(start, indices.upperBound)..<indices.upperBound
      next = .condition
    case .condition:
      try report(0, progress)
      let prompts = try embedding(encodings, compute)
      let batch = prompts.tokens.batch
      // Guidance tells both sides the same numbers.
      let timeIDs = Array(repeating: request.timeIDs.map { Float($0) }, count: batch)
      conditioning = try Conditioning(
        checkpoint.unet.context(prompts, timeIDs: timeIDs, compute), batch: batch)
      try finishStep(0, progress)
    case .denoise(let step, _):
      if step > 0 { try report(step, progress) }
      try denoise(indices.lowerBound + step, compute)
      try finishStep(step + 1, progress)
    case .decode:
      try decode(compute, progress)
      next = nil
    }
  }

  /// The finished picture: diffusers' (x / 2 + 0.5) clamped to 0 … 1, times 255, rounded half to even.
  public var image: RGBImage {
    precondition(next == nil, "the picture is not done")
    let pixels = values.map { value in
      UInt8((min(max(value / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven))
    }
    return RGBImage(width: request.width, height: request.height, pixels: pixels)
  }

  /// Denoising steps in all.
  public var stepCount: Int { indices.count }

  /// Seconds that a unit of work may take, guessed from the model's size where none was measured:
  /// rather too many.
  public func roughSeconds(_ work: DiffusionWork) -> Double {
    let pixels = latents.withTensor { Double($0.rowsPerItem) }
    let batch = request.isGuided ? 2.0 : 1.0
    let multiplications =
      switch work {
      case .encode, .decode: 400 * Double(checkpoint.autoencoder.parameterCount) * pixels / 16
      case .condition: 77 * batch * Double(checkpoint.textEncoder.parameterCount)
      case .denoise: batch * Double(checkpoint.unet.parameterCount) * pixels / 4
      }
    return multiplications / 5e10
  }

  private func report(_ step: Int, _ progress: (DiffusionProgress) throws -> Void) throws {
    try progress(DiffusionProgress(stage: .denoising, step: step, steps: indices.count))
  }

  /// After `steps` steps.
  private func finishStep(
    _ steps: Int, _ progress: (DiffusionProgress) throws -> Void
  ) throws {
    if steps < indices.count {
      next = .denoise(step: steps, steps: indices.count)
      return
    }
    try report(steps, progress)
    conditioning = nil
    guard latents.withTensor({ $0.isFinite }) else { throw notFinite("denoising") }
    next = .decode
  }

  /// The scheduler's step `index`.
  private func denoise(_ index: Int, _ compute: Compute) throws(DiffusionError) {
    guard let conditioning else { throw .internal("a step was run without a prompt") }
    let timestep = scheduler.timesteps[index]
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    do {
      try latents.withTensor { latents in
        let input = try compute.arena.tensor(
          batch: conditioning.batch, height: latents.height, width: latents.width,
          channels: checkpoint.unet.configuration.inChannels)
        let output = try compute.arena.tensor(like: input, channels: latents.channels)
        try fill(input, with: latents, step: index, compute)
        try conditioning.withContext { context in
          try checkpoint.unet.forward(
            input, timestep: timestep, context: context, into: output, compute)
        }
        if request.isGuided {
          Self.guide(
            output.item(0), toward: output.item(1), scale: Float(request.guidanceScale))
        }
        scheduler.step(index, output: output.item(0), sample: latents, noise: &noise)
        try kept?.restore(in: latents, after: index, of: scheduler, compute)
      }
    } catch let error as DiffusionError {
      throw error
    } catch {
      throw .internal("\(error)")
    }
  }

  /// What the U-Net is to see, for every item of its batch.
  private func fill(
    _ input: Tensor, with latents: Tensor, step index: Int, _ compute: Compute
  ) throws(DiffusionError) {
    guard let beside else {
      for item in 0..<input.batch {
        scheduler.scaleModelInput(latents, step: index, into: input.item(item))
      }
      return
    }
    let scaled = try compute.arena.tensor(like: latents)
    scheduler.scaleModelInput(latents, step: index, into: scaled)
    beside.withTensor { beside in
      for item in 0..<input.batch {
        let item = input.item(item)
        for pixel in 0..<latents.rows {
          item.row(pixel).update(from: scaled.row(pixel), count: latents.channels)
          (item.row(pixel) + latents.channels).update(
            from: beside.row(pixel), count: beside.channels)
        }
      }
    }
  }

  /// Classifier-free guidance, in place. Ho and Salimans, 2022 (arXiv:2207.12598).
  private static func guide(_ unconditional: Tensor, toward conditional: Tensor, scale: Float) {
    for index in 0..<unconditional.count {
      let base = unconditional.data[index]
      unconditional.data[index] = base + scale * (conditional.data[index] - base)
    }
  }

  private func decode(
    _ compute: Compute, _ progress: (DiffusionProgress) throws -> Void
  ) throws {
    let autoencoder = checkpoint.autoencoder
    let parts = autoencoder.decodingParts
    compute.arena.trim()
    values = try latents.withTensor { latents in
      for index in 0..<latents.count { latents.data[index] /= autoencoder.scalingFactor }
      let picture = try autoencoder.decode(
        latents,
        check: { part in
          try progress(DiffusionProgress(stage: .decoding, step: part, steps: parts))
        }, compute)
      guard picture.isFinite else { throw notFinite("decoding") }
      return Array(picture.floats)
    }
  }

  func notFinite(_ stage: String) -> DiffusionError {
    .internal(
      "\(checkpoint.directory): \(stage) gave values that are infinite or not numbers; the "
        + "model's weights or its configuration are damaged")
  }
}
