import AudioIO
import Diffusion
import Spectrogram

/// Text to audio: a diffusion model paints a spectrogram, phase recovery makes it sound.
///
/// Fields are those of `GenerateRequest` in `riff.proto`, where their units and ranges stand; what
/// is `nil` takes the model's own setting.
public struct GenerateJob: Job {
  public var prompt: String
  public var negativePrompt = ""
  public var model = ""
  public var seed: UInt64?
  public var steps: Int?
  public var guidanceScale: Double?
  public var scheduler = ""
  public var width: Int?
  public var height: Int?
  public var durationSeconds: Double?
  public var wantSpectrogram = false
  public var output = OutputFormat.oggOpus(bitrate: nil)

  /// Longest prompt, in bytes of UTF-8.
  public static let promptLimit = 8_192
  /// Denoising steps where neither request nor model says, as in diffusers' pipeline.
  public static let defaultSteps = 50
  /// Guidance scale where neither request nor model says, as in diffusers' pipeline.
  public static let defaultGuidanceScale = 7.5
  /// Widest picture where a model does not say otherwise, in pixels.
  public static let defaultMaxWidth = 4_096

  public init(prompt: String) {
    self.prompt = prompt
  }

  var method: String { "Generate" }
  var title: String { self.prompt }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    try self.checkPrompt()
    let model = try studio.catalog.model(named: self.model)
    let card = try model.card.get()
    let seed = self.seed ?? UInt64.random(in: .min ... .max)

    let (picture, request, size) = try studio.queue.withTurn(of: context.channel) {
      try context.progress(.queued)
    } _: {
      if !model.isLoaded { try context.progress(.loading) }
      let diffusion = try model.load()
      let size = try PictureSize(self, card: card, info: diffusion.info)
      let request = try self.diffusionRequest(size, card: card, seed: seed)
      try self.warnIfCut(by: diffusion, context)
      let image = try diffusion.generate(request) { progress in
        switch progress.stage {
        case .denoising: try context.progress(.denoising, progress.step, of: progress.steps)
        case .decoding: try context.progress(.decoding, progress.step, of: progress.steps)
        }
      }
      return (try Self.picture(image, card: card), request, size)
    }

    if self.wantSpectrogram || self.output == .none {
      try context.send(.spectrogram(picture.png()))
    }
    if self.output == .none { return JobSummary(seed: seed) }
    let sound = SoundStage(
      output: self.output, comments: self.comments(studio, model, request),
      sampleCount: size.sampleCount, threads: studio.threads)
    let channels = try sound.run(picture, context)
    return JobSummary(seed: seed, sampleCount: size.sampleCount, channelCount: channels)
  }

  private func checkPrompt() throws(JobError) {
    guard self.prompt.utf8.count <= Self.promptLimit else {
      throw JobError(
        .invalidArgument(field: "prompt"),
        "\(self.prompt.utf8.count) bytes long; at most \(Self.promptLimit) are read")
    }
    guard self.prompt.contains(where: { !$0.isWhitespace }) else {
      throw JobError(
        .invalidArgument(field: "prompt"), "empty; say in a few words what to play")
    }
    guard self.negativePrompt.utf8.count <= Self.promptLimit else {
      throw JobError(
        .invalidArgument(field: "negative_prompt"),
        "\(self.negativePrompt.utf8.count) bytes long; at most \(Self.promptLimit) are read")
    }
  }

  private func warnIfCut(by diffusion: DiffusionModel, _ context: JobContext) throws {
    let limit = diffusion.info.maximumPromptTokens
    for (field, text) in [("prompt", self.prompt), ("negative_prompt", self.negativePrompt)] {
      let count = diffusion.promptTokenCount(text)
      if count > limit {
        try context.send(
          .warning("\(field): \(count) tokens long; the model reads the first \(limit)"))
      }
    }
  }

  private func diffusionRequest(
    _ size: PictureSize, card: ModelCard, seed: UInt64
  ) throws(JobError) -> DiffusionRequest {
    var scheduler: SchedulerName?
    if !self.scheduler.isEmpty {
      scheduler = SchedulerName(rawValue: self.scheduler)
      guard scheduler != nil else {
        let names = SchedulerName.allCases.map(\.rawValue).joined(separator: ", ")
        throw JobError(
          .invalidArgument(field: "scheduler"),
          "no scheduler is named “\(self.scheduler.prefix(100))”; there are: \(names)")
      }
    }
    return DiffusionRequest(
      prompt: self.prompt, negativePrompt: self.negativePrompt, seed: seed,
      steps: self.steps ?? card.defaults.steps ?? Self.defaultSteps,
      guidanceScale: self.guidanceScale ?? card.defaults.guidanceScale ?? Self.defaultGuidanceScale,
      scheduler: scheduler, width: size.width, height: size.height)
  }

  private static func picture(_ image: RGBImage, card: ModelCard) throws -> SpectrogramPicture {
    try SpectrogramPicture(
      image: RasterImage(width: image.width, height: image.height, pixels: image.pixels),
      parameters: card.spectrogram, maximum: card.maximum)
  }

  /// What a file says of how to make it again.
  private func comments(
    _ studio: Studio, _ model: CatalogModel, _ request: DiffusionRequest
  ) -> [OggOpusEncoder.Comment] {
    var comments = [
      OggOpusEncoder.Comment("TITLE", self.prompt),
      OggOpusEncoder.Comment("ENCODER", studio.encoderName),
      OggOpusEncoder.Comment("RIFF_MODEL", model.name),
      OggOpusEncoder.Comment("RIFF_SEED", "\(request.seed)"),
      OggOpusEncoder.Comment("RIFF_SIZE", "\(request.width)x\(request.height)"),
      OggOpusEncoder.Comment("RIFF_STEPS", "\(request.steps)"),
      OggOpusEncoder.Comment("RIFF_GUIDANCE_SCALE", "\(request.guidanceScale)"),
    ]
    if !self.negativePrompt.isEmpty {
      comments.append(OggOpusEncoder.Comment("RIFF_NEGATIVE_PROMPT", self.negativePrompt))
    }
    if let scheduler = request.scheduler {
      comments.append(OggOpusEncoder.Comment("RIFF_SCHEDULER", scheduler.rawValue))
    }
    return comments
  }
}
