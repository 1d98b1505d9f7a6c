package import Cores

/// One picture in the making: its latents, conditioning, scheduler and noise.
///
/// Prompt → embedding, noise → latents → picture, as diffusers' `StableDiffusionPipeline` goes about it.
/// It advances by units of work (``next``); between two of them everything it needs is in memory of its
/// own, so that sessions of any models can take turns, and those of one model and size can make steps
/// together. Owned by one thread at a time.
public final class DiffusionSession {
  /// The unit of work that is done next; nil when the picture is done.
  public private(set) var next: DiffusionWork?
  /// What it was begun with; it has been checked.
  public let request: DiffusionRequest

  let checkpoint: Checkpoint
  /// What runs beside the weights; nil: nothing.
  let adapterSet: AdapterSet?
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
  private(set) var conditioning: Conditioning?
  /// Where steps reuse them.
  private(set) var deepFeatures: DeepFeatures?
  /// Of a picture that is followed by its own beginning.
  let circle: CircularColumns?
  /// Indices of the scheduler's timesteps that are run.
  private(set) var indices: Range<Int> {
    didSet { stepKinds = StepKind.all(of: request, steps: indices.count) }
  }
  /// How each step is made; where there is a picture to begin from, known once it is encoded.
  public private(set) var stepKinds: [StepKind]
  /// From the first part of decoding to the last.
  private var decoder: ColumnDecoder?
  /// The picture, as far as it is decoded.
  private var pixels: [UInt8] = []
  /// For tests and benchmarks: whether ``values`` are kept.
  var keepsValues = false
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
    circle =
      request.isCircular
      ? CircularColumns(width: request.width / autoencoder.pixelsPerColumn) : nil
    scheduler = try checkpoint.schedulers.plan(request.scheduler)
      .scheduler(steps: request.steps, eta: request.eta)
    noise = NoiseGenerator(seed: request.seed)
    deepFeatures = request.deepCacheInterval > 1 ? DeepFeatures() : nil
    encodings = request.encodings(by: PromptEncoder(tokenizer: checkpoint.tokenizer))
    indices = 0..<scheduler.timesteps.count
    stepKinds = StepKind.all(of: request, steps: scheduler.timesteps.count)
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

  /// The same in a turn of its own; prompts are read, and denoising steps made, perhaps together with those of
  /// other sessions that wait for their turns (``SharedUnit``). The bytes are the same.
  package func advance(
    _ seat: Seat, progress: (DiffusionProgress) throws -> Void
  ) throws {
    do {
      switch next {
      case .condition:
        try report(0, progress)
        let unit = ConditioningUnit(self)
        try seat.withTurn(sharing: unit, ConditioningUnit.run)
        conditioning = try unit.finish()
        try finishStep(0, progress)
      case .denoise(let step, _):
        if step > 0 { try report(step, progress) }
        let unit = DenoisingUnit(self)
        try seat.withTurn(sharing: unit, DenoisingUnit.run)
        try unit.finish()
        try finishStep(step + 1, progress)
      case .encode, .decode, nil:
        try seat.withTurn { try advance($0, progress: progress) }
      }
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
        next = .decode(part: 0, parts: decodingParts)
        return
      }
      indices = min(start, indices.upperBound)..<indices.upperBound
      next = .condition
    case .condition:
      try report(0, progress)
      conditioning = try condition(compute)
      try finishStep(0, progress)
    case .denoise(let step, _):
      if step > 0 { try report(step, progress) }
      if let error = try Self.denoise([self], compute)[0] { throw error }
      try finishStep(step + 1, progress)
    case .decode(let part, let parts):
      try decode(part, of: parts, compute, progress)
      next = part + 1 < parts ? .decode(part: part + 1, parts: parts) : nil
    }
  }

  /// What the prompts give every step. It changes nothing.
  ///
  /// Throws as ``embedding(_:_:)``.
  func condition(_ compute: Compute) throws(DiffusionError) -> Conditioning {
    var compute = compute
    compute.adapters = adapterSet
    let prompts = try embedding(encodings, compute)
    let batch = prompts.tokens.batch
    // Guidance tells both sides the same numbers.
    let timeIDs = Array(repeating: request.timeIDs.map { Float($0) }, count: batch)
    return try Conditioning(
      checkpoint.unet.context(prompts, timeIDs: timeIDs, compute), batch: batch)
  }

  /// The finished picture: diffusers' (x / 2 + 0.5) clamped to 0 … 1, times 255, rounded half to even.
  public var image: RasterImage {
    precondition(next == nil, "the picture is not done")
    return RasterImage(width: request.width, height: request.height, pixels: pixels)
  }

  /// Denoising steps in all.
  public var stepCount: Int { indices.count }

  /// Parts that the picture is decoded in, from left to right: units of work.
  public var decodingParts: Int {
    let beside = circle == nil ? 0 : 2 * CircularColumns.decoderMargin
    return OverlappedColumns(
      width: latents.withTensor { $0.width } + beside, checkpoint.autoencoder.decoding
    ).parts.count
  }

  /// Seconds that a unit of work may take, guessed from the model's size where none was measured:
  /// rather too many.
  public func roughSeconds(_ work: DiffusionWork) -> Double {
    let pixels = latents.withTensor { Double($0.rowsPerItem) }
    let kind: StepKind? =
      if case .denoise(let step, _) = work { stepKinds[step] } else { nil }
    let batch = kind?.isGuided ?? request.isGuided ? 2.0 : 1.0
    let multiplications =
      switch work {
      case .encode: 400 * Double(checkpoint.autoencoder.parameterCount) * pixels / 16
      case .decode(_, let parts):
        400 * Double(checkpoint.autoencoder.parameterCount) * pixels / 16 / Double(parts)
      case .condition: 77 * batch * Double(checkpoint.textEncoder.parameterCount)
      case .denoise:
        batch * Double(checkpoint.unet.parameterCount) * pixels / (kind?.isShallow == true ? 16 : 4)
      }
    return multiplications / 5e10
  }

  private func report(_ step: Int, _ progress: (DiffusionProgress) throws -> Void) throws {
    try progress(DiffusionProgress(stage: .denoising, step: step, steps: indices.count))
  }

  /// After a denoising step.
  func finishStep() throws {
    guard case .denoise(let step, _) = next else { return }
    try finishStep(step + 1) { _ in }
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
    deepFeatures = nil
    guard latents.withTensor({ $0.isFinite }) else { throw notFinite("denoising") }
    next = .decode(part: 0, parts: decodingParts)
  }

  /// Decodes a part of the columns.
  private func decode(
    _ part: Int, of parts: Int, _ compute: Compute,
    _ progress: (DiffusionProgress) throws -> Void
  ) throws {
    compute.arena.trim()
    let decoder = try self.decoder ?? beginDecoding()
    let autoencoder = checkpoint.autoencoder
    // The autoencoder's own parts are counted once, over all of the picture.
    let layers = autoencoder.decodingParts
    let before = circle == nil ? 0 : CircularColumns.decoderMargin * autoencoder.pixelsPerColumn
    try decoder.next(
      compute,
      check: { layer in
        try progress(
          DiffusionProgress(
            stage: .decoding, step: (part * layers + layer) / parts, steps: layers))
      },
      take: { row, column, values in try take(row, column - before, values) })
    self.decoder = part + 1 < parts ? decoder : nil
  }

  private func beginDecoding() throws -> ColumnDecoder {
    let autoencoder = checkpoint.autoencoder
    let widened = try latents.withTensor { latents in
      for index in 0..<latents.count { latents.data[index] /= autoencoder.scalingFactor }
      return try circle.map { try Self.widened(latents, $0) }
    }
    pixels = [UInt8](repeating: 0, count: 3 * request.width * request.height)
    if keepsValues { values = [Float](repeating: 0, count: pixels.count) }
    return ColumnDecoder(autoencoder, widened ?? latents)
  }

  /// Takes what was decoded of a row from a column on, three values a pixel; what lies beside the picture is left
  /// out.
  private func take(
    _ row: Int, _ column: Int, _ decoded: UnsafeBufferPointer<Float>
  ) throws(DiffusionError) {
    let first = max(0, column)
    let end = min(column + decoded.count / 3, request.width)
    guard first < end else { return }
    let inside = UnsafeBufferPointer(rebasing: decoded[3 * (first - column)..<3 * (end - column)])
    guard inside.allSatisfy({ $0.isFinite }) else { throw notFinite("decoding") }
    let place = 3 * (row * request.width + first)
    pixels.withUnsafeMutableBufferPointer { pixels in
      for (index, value) in inside.enumerated() {
        pixels[place + index] = UInt8(
          (min(max(value / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven))
      }
    }
    if keepsValues { values.replaceSubrange(place..<place + inside.count, with: inside) }
  }

  /// A circular picture's latents with some of the other end on each side, as far as a decoder sees.
  private static func widened(
    _ latents: Tensor, _ circle: CircularColumns
  ) throws(DiffusionError) -> OwnedMap {
    let columns = circle.widened(by: CircularColumns.decoderMargin)
    let map = try OwnedMap(
      batch: 1, height: latents.height, width: columns.count, channels: latents.channels)
    map.withTensor { map in
      for (pixel, source) in pixels(of: latents, columns).enumerated() {
        map.row(pixel).update(from: latents.row(source), count: latents.channels)
      }
    }
    return map
  }

  func notFinite(_ stage: String) -> DiffusionError {
    .internal(
      "\(checkpoint.directory): \(stage) gave values that are infinite or not numbers; the "
        + "model's weights or its configuration are damaged")
  }
}
