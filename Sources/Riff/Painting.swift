import AudioIO
import Diffusion
import Spectrogram

/// A request's way from words, and a source where there is one, to sound: what Generate and Remix
/// have in common.
struct Painting {
  var job: GenerateJob
  /// What the picture begins from; nil: from noise alone.
  var source: RemixSource?
  /// How far the source is painted over, 0 to 1.
  var strength = RemixJob.defaultStrength

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    try self.checkPrompt()
    let model = try studio.catalog.model(named: self.job.model)
    let card = try model.card.get()
    let seed = self.job.seed ?? UInt64.random(in: .min ... .max)

    let (picture, request, size, ownScheduler) = try studio.queue.withTurn(of: context.channel) {
      try context.progress(.queued)
    } _: {
      if !model.isLoaded { try context.progress(.loading) }
      let diffusion = try model.load()
      let size = try PictureSize(self.job, source: self.source, card: card, info: diffusion.info)
      let request = try self.diffusionRequest(size, card: card, seed: seed, context)
      for cut in diffusion.promptCuts(request) {
        try context.send(
          .warning(
            "\(cut.field): \(cut.tokens) tokens long; the model reads the first \(cut.kept)"))
      }
      let image = try diffusion.generate(request) { progress in
        try context.progress(JobStage(progress.stage), progress.step, of: progress.steps)
      }
      return (
        try Self.picture(image, card: card), request, size, diffusion.info.defaultScheduler
      )
    }

    if self.job.wantSpectrogram || self.job.output == .none {
      try context.send(.spectrogram(picture.png()))
    }
    if self.job.output == .none { return JobSummary(seed: seed) }
    let sound = SoundStage(
      output: self.job.output, quality: self.job.quality,
      comments: self.comments(
        studio, model, request, scheduler: request.scheduler ?? ownScheduler),
      sampleCount: size.sampleCount, threads: studio.threads)
    let channels = try sound.run(picture, context)
    return JobSummary(seed: seed, sampleCount: size.sampleCount, channelCount: channels)
  }

  private func checkPrompt() throws(JobError) {
    guard self.job.prompt.utf8.count <= GenerateJob.promptLimit else {
      throw JobError(
        .invalidArgument(field: "prompt"),
        "\(self.job.prompt.utf8.count) bytes long; at most \(GenerateJob.promptLimit) are read")
    }
    guard self.job.prompt.contains(where: { !$0.isWhitespace }) else {
      throw JobError(
        .invalidArgument(field: "prompt"), "empty; say in a few words what to play")
    }
    guard self.job.negativePrompt.utf8.count <= GenerateJob.promptLimit else {
      throw JobError(
        .invalidArgument(field: "negative_prompt"),
        "\(self.job.negativePrompt.utf8.count) bytes long; at most "
          + "\(GenerateJob.promptLimit) are read")
    }
  }

  private func diffusionRequest(
    _ size: PictureSize, card: ModelCard, seed: UInt64, _ context: JobContext
  ) throws -> DiffusionRequest {
    var request = DiffusionRequest(
      prompt: self.job.prompt, negativePrompt: self.job.negativePrompt, seed: seed,
      steps: self.job.steps ?? card.defaults.steps ?? GenerateJob.defaultSteps,
      guidanceScale: self.job.guidanceScale ?? card.defaults.guidanceScale
        ?? GenerateJob.defaultGuidanceScale,
      scheduler: try self.scheduler(), eta: self.job.eta ?? 0,
      promptWeighting: self.job.promptWeighting, width: size.width, height: size.height)
    if let source {
      let image = try source.picture(size, card: card, context)
      request.initial = InitialPicture(image: image, strength: self.strength)
    }
    return request
  }

  private func scheduler() throws(JobError) -> SchedulerName? {
    guard !self.job.scheduler.isEmpty else { return nil }
    guard let scheduler = SchedulerName(rawValue: self.job.scheduler) else {
      let names = SchedulerName.allCases.map(\.rawValue).joined(separator: ", ")
      throw JobError(
        .invalidArgument(field: "scheduler"),
        "no scheduler is named “\(self.job.scheduler.prefix(100))”; there are: \(names)")
    }
    return scheduler
  }

  private static func picture(_ image: RGBImage, card: ModelCard) throws -> SpectrogramPicture {
    try SpectrogramPicture(
      image: RasterImage(width: image.width, height: image.height, pixels: image.pixels),
      parameters: card.spectrogram, maximum: card.maximum)
  }

  /// What a file says of how to make it again.
  private func comments(
    _ studio: Studio, _ model: CatalogModel, _ request: DiffusionRequest, scheduler: SchedulerName
  ) -> [OggOpusEncoder.Comment] {
    var comments = [
      OggOpusEncoder.Comment("TITLE", self.job.prompt),
      OggOpusEncoder.Comment("ENCODER", studio.encoderName),
      OggOpusEncoder.Comment("RIFF_MODEL", model.name),
      OggOpusEncoder.Comment("RIFF_SEED", "\(request.seed)"),
      OggOpusEncoder.Comment("RIFF_SIZE", "\(request.width)x\(request.height)"),
      OggOpusEncoder.Comment("RIFF_STEPS", "\(request.steps)"),
      OggOpusEncoder.Comment("RIFF_GUIDANCE_SCALE", "\(request.guidanceScale)"),
      OggOpusEncoder.Comment("RIFF_SCHEDULER", scheduler.rawValue),
    ]
    if !self.job.negativePrompt.isEmpty {
      comments.append(OggOpusEncoder.Comment("RIFF_NEGATIVE_PROMPT", self.job.negativePrompt))
    }
    if request.eta > 0 {
      comments.append(OggOpusEncoder.Comment("RIFF_ETA", "\(request.eta)"))
    }
    if !request.promptWeighting {
      comments.append(OggOpusEncoder.Comment("RIFF_PROMPT_WEIGHTING", "false"))
    }
    if let initial = request.initial {
      comments.append(OggOpusEncoder.Comment("RIFF_STRENGTH", "\(initial.strength)"))
    }
    return comments
  }
}
