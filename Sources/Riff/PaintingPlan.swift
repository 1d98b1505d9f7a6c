import AudioIO
import Diffusion

/// A request resolved against its model: every setting has a value, and fits.
struct PaintingPlan {
  /// What to paint, but for the picture that it begins from.
  let request: DiffusionRequest
  let size: PictureSize
  let card: ModelCard
  /// The scheduler that runs.
  let scheduler: SchedulerName
  /// Whether there is a picture to begin from, and how far it is painted over, 0 to 1.
  let isRemix: Bool
  let strength: Double

  /// Draws a seed where the request has none.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument` that names the field.
  init(_ painting: Painting, card: ModelCard, info: DiffusionModelInfo) throws(JobError) {
    let job = painting.job
    self.card = card
    self.isRemix = painting.source != nil
    self.strength = painting.strength
    self.size = try PictureSize(job, source: painting.source, card: card, info: info)
    let scheduler = try job.schedulerName()
    self.scheduler = scheduler ?? info.defaultScheduler
    self.request = DiffusionRequest(
      prompt: job.prompt, negativePrompt: job.negativePrompt,
      seed: job.seed ?? UInt64.random(in: .min ... .max),
      steps: job.steps ?? card.defaults.steps ?? GenerateJob.defaultSteps,
      guidanceScale: job.guidanceScale ?? card.defaults.guidanceScale
        ?? GenerateJob.defaultGuidanceScale,
      scheduler: scheduler, eta: job.eta ?? 0, promptWeighting: job.promptWeighting,
      width: self.size.width, height: self.size.height)
  }

  /// What a file says of how to make it again.
  func comments(model: String, encoder: String) -> [AudioComment] {
    var comments = [
      AudioComment("TITLE", self.request.prompt),
      AudioComment("ENCODER", encoder),
      AudioComment("RIFF_MODEL", model),
      AudioComment("RIFF_SEED", "\(self.request.seed)"),
      AudioComment("RIFF_SIZE", "\(self.request.width)x\(self.request.height)"),
      AudioComment("RIFF_STEPS", "\(self.request.steps)"),
      AudioComment("RIFF_GUIDANCE_SCALE", "\(self.request.guidanceScale)"),
      AudioComment("RIFF_SCHEDULER", self.scheduler.rawValue),
    ]
    if !self.request.negativePrompt.isEmpty {
      comments.append(AudioComment("RIFF_NEGATIVE_PROMPT", self.request.negativePrompt))
    }
    if self.request.eta > 0 {
      comments.append(AudioComment("RIFF_ETA", "\(self.request.eta)"))
    }
    if !self.request.promptWeighting {
      comments.append(AudioComment("RIFF_PROMPT_WEIGHTING", "false"))
    }
    if self.isRemix {
      comments.append(AudioComment("RIFF_STRENGTH", "\(self.strength)"))
    }
    return comments
  }
}
