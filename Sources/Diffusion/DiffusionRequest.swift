/// What a picture is to be made of.
public struct DiffusionRequest: Sendable, Hashable {
  /// UTF-8 bytes a prompt may have, each of the two.
  public static let maximumPromptBytes = 8_192
  /// Pixels a picture may have.
  public static let maximumArea = 2 << 20
  /// Pixels a side may have.
  public static let maximumSide = 16384
  /// Denoising steps, whatever the model was trained with.
  public static let steps = 1...1_000
  /// Classifier-free guidance; at 1 and below there is none.
  public static let guidanceScales = 0.0...100.0
  /// Steps from one with deep layers to the next.
  public static let deepCacheIntervals = 1...100

  /// What to paint: at most ``maximumPromptBytes`` of UTF-8; may be empty.
  public var prompt: String
  /// What the picture is to be unlike; used when the guidance scale is above 1.
  public var negativePrompt: String
  /// Seeds equal modulo 2^32 draw the same noise, as in PyTorch.
  public var seed: UInt64
  /// Denoising steps, 1 to 1,000 and no more than the model was trained with.
  public var steps: Int
  /// Classifier-free guidance, 0 to 100; at 1 and below the model runs once a step, unguided.
  public var guidanceScale: Double
  /// The steps at which there is guidance, if there is any.
  public var guidanceInterval = GuidanceInterval.whole
  /// Only every so manieth step runs the U-Net's deep layers, 1 to 100; the others reuse what they gave.
  public var deepCacheInterval = 1
  /// Nil: the checkpoint's own, or DDIM with its settings.
  public var scheduler: SchedulerName?
  /// How much of the noise is fresh at each of DDIM's steps, 0 (none) to 1; other schedulers ignore
  /// it, as diffusers does.
  public var eta: Double
  /// Whether `(word:1.3)`, `[word]` and prompts longer than the text encoder takes are read as
  /// riffusion reads them; otherwise the prompt is plain text, cut where the encoder ends.
  public var promptWeighting: Bool
  /// Pixels, a multiple of the model's.
  public var width: Int
  /// Pixels, a multiple of the model's.
  public var height: Int
  /// Nil: begin from noise alone.
  public var initial: InitialPicture?
  /// What of the initial picture stays. Nil: nothing does.
  public var mask: KeepMask?
  /// Further prompts mixed into the first one, which keeps what their shares leave; mixed linearly, as
  /// embeddings.
  public var blend: [PromptShare] = []
  /// Where the noise has moved to from the seed's own.
  public var drift: NoiseDrift?
  /// Whether the picture's last column is followed by its first one: it can be repeated without a seam.
  public var isCircular = false
  /// What the model is told besides words, ``DiffusionModelInfo/timeIDs`` numbers whose meaning is the
  /// model's own (SDXL's `time_ids`). Empty: zeros, which riff's models read as "not told".
  public var timeIDs: [Double] = []
  /// LoRAs, each file once: together with those that the model was opened with, which have the weight that
  /// they were given there unless they are named here.
  public var adapters: [ModelAdapter] = []

  /// Prompts that one request mixes, at most.
  public static let maximumBlend = 32
  /// Each of ``timeIDs``.
  public static let timeIDRange = -1e6...1e6

  /// diffusers' defaults, or what differs from them. ``DiffusionModel/begin(_:)`` checks the values.
  public init(
    prompt: String, negativePrompt: String = "", seed: UInt64, steps: Int = 50,
    guidanceScale: Double = 7.5, scheduler: SchedulerName? = nil, eta: Double = 0,
    promptWeighting: Bool = true, width: Int, height: Int, initial: InitialPicture? = nil
  ) {
    self.prompt = prompt
    self.negativePrompt = negativePrompt
    self.seed = seed
    self.steps = steps
    self.guidanceScale = guidanceScale
    self.scheduler = scheduler
    self.eta = eta
    self.promptWeighting = promptWeighting
    self.width = width
    self.height = height
    self.initial = initial
  }

  /// Throws `invalidArgument` for the first field out of range.
  func validate(for info: DiffusionModelInfo) throws(DiffusionError) {
    for (field, text) in [("prompt", prompt), ("negative_prompt", negativePrompt)] {
      guard text.utf8.count <= Self.maximumPromptBytes else {
        throw .invalid(
          field,
          "must have at most \(Self.maximumPromptBytes) bytes, not \(text.utf8.count)")
      }
    }
    let mostSteps = min(Self.steps.upperBound, info.trainingTimesteps)
    guard 1...mostSteps ~= steps else {
      throw .invalid("steps", "must be 1 to \(mostSteps), not \(steps)")
    }
    guard Self.guidanceScales ~= guidanceScale else {
      throw .invalid("guidance_scale", "must be 0 to 100, not \(guidanceScale)")
    }
    try guidanceInterval.validate()
    guard Self.deepCacheIntervals ~= deepCacheInterval else {
      throw .invalid("deep_cache_interval", "must be 1 to 100, not \(deepCacheInterval)")
    }
    guard eta.isFinite, 0...1 ~= eta else {
      throw .invalid("eta", "must be 0 to 1, not \(eta)")
    }
    try initial?.validate()
    try mask?.validate()
    guard mask == nil || initial != nil else {
      throw .invalid("mask", "there is no initial picture to keep parts of")
    }
    try validateBlend()
    try ModelAdapter.validate(adapters)
    guard timeIDs.isEmpty || timeIDs.count == info.timeIDs,
      timeIDs.allSatisfy({ Self.timeIDRange ~= $0 })
    else {
      throw .invalid(
        "time_ids", "must be \(info.timeIDs) numbers of at most a million, or none")
    }
    for (field, size, multiple) in [
      ("width", width, info.widthMultiple), ("height", height, info.heightMultiple),
    ] {
      guard size > 0, size <= Self.maximumSide, size % multiple == 0 else {
        throw .invalid(
          field,
          "must be a multiple of \(multiple), at most "
            + "\(Self.maximumSide / multiple * multiple), not \(size)")
      }
    }
    guard width * height <= Self.maximumArea else {
      throw .invalid(
        "width",
        "times height must be at most \(Self.maximumArea) pixels, not \(width * height)")
    }
  }

  private func validateBlend() throws(DiffusionError) {
    guard blend.count <= Self.maximumBlend else {
      throw .invalid(
        "prompt", "\(blend.count) prompts cannot be mixed into one; \(Self.maximumBlend) can")
    }
    for other in blend {
      guard other.text.utf8.count <= Self.maximumPromptBytes else {
        throw .invalid(
          "prompt",
          "has \(other.text.utf8.count) bytes of UTF-8; at most \(Self.maximumPromptBytes) are "
            + "taken")
      }
    }
    let sum = blend.reduce(0) { $0 + $1.share }
    // A rounding error more than 1 is one.
    guard blend.allSatisfy({ 0...1 ~= $0.share }), sum <= 1.000_001 else {
      throw .invalid("prompt", "the shares of mixed prompts must be 0 to 1, and 1 together at most")
    }
    if let drift, !(0...1 ~= drift.share) {
      throw .invalid("seed", "the way to another seed must be 0 to 1, not \(drift.share)")
    }
  }
}
