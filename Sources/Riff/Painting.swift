import AudioIO
import Cores
import Diffusion
import Provenance
import Spectrogram

/// A request's way from words, and a source where there is one, to sound: what Generate and Remix
/// have in common. The request is resolved (``PaintingPlan``), painted (``Painter``) and played
/// (``SoundStage``), or both at once where it is too long for one picture (``LongPiece``).
struct Painting {
  var job: GenerateJob
  /// What the picture begins from; nil: from noise alone.
  var source: RemixSource?
  /// The file that the source was read from.
  var upload: UploadNotes?
  /// Where in the upload the source begins.
  var startSeconds = 0.0
  /// How far the source is painted over, 0 to 1.
  var strength = RemixJob.defaultStrength
  /// What of the source stays.
  var mask: KeepMask?
  /// Of the mask's file.
  var maskFingerprint: Fingerprint?
  var kept = KeptParts()
  /// Where between two ideas it lies; nil: there is one.
  var morph: Morphing?

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let model = try studio.catalog.model(named: self.job.model)
    let card = try model.card()

    if !model.isLoaded { try context.progress(.loading) }
    let made: Made = try studio.shelf.withModel(
      model, keepAlive: self.job.keepAliveSeconds, context.seat
    ) { diffusion in
      var plan = try PaintingPlan(
        self, model: model, card: card, info: diffusion.info, in: studio)
      try self.job.checkPicture(seconds: plan.seconds)
      if let morph { plan.change(to: morph) }
      let recipe = try self.recipe(plan, model: model, diffusion: diffusion, in: studio)
      let image = try self.source?.picture(plan.size, card: card, context)
      let beat = try image.flatMap { try self.beat(of: $0, plan) }
      if let beat { plan.tell(beat) }
      let grid =
        image == nil || self.kept.isEmpty
        ? nil
        : try KeptGrid(
          self.kept, parameters: plan.parameters, info: diffusion.info, beat: beat)
      let mask = grid?.mask(at: 0, width: plan.size.width, over: self.mask) ?? self.mask
      let painter = Painter(model: diffusion, name: model.name, paces: studio.paces)
      if plan.size.isPaintedInWindows {
        return .played(
          try LongPiece(job: self.job, plan: plan, painter: painter, recipe: recipe)
            .run(context))
      }
      let picture = try painter.paint(
        plan, from: image, under: mask, recipe, context, warnings: grid?.warnings ?? [])
      return .painted(picture, plan, recipe)
    }
    switch made {
    case .played(let summary): return summary
    case .painted(let picture, let plan, let recipe):
      return try self.play(picture, plan, recipe, model, context, in: studio)
    }
  }

  /// Sends the picture, if it is wanted, and its sound.
  private func play(
    _ picture: SpectrogramPicture, _ plan: PaintingPlan, _ recipe: Recipe, _ model: CatalogModel,
    _ context: JobContext, in studio: Studio
  ) throws -> JobSummary {
    if self.job.wantSpectrogram || self.job.output == nil {
      try context.send(.spectrogram(picture.png(texts: recipe.texts)))
    }
    guard let output = self.job.output else { return JobSummary(seed: plan.request.seed) }
    let sound = SoundStage(
      output: output, quality: self.job.quality, recipe: recipe,
      sampleCount: plan.size.sampleCount, fadeMilliseconds: self.job.fadeMilliseconds,
      pace: plan.size.pace, isLoop: plan.isLoop, paces: studio.paces)
    var summary = try sound.run(picture, context)
    summary.seed = plan.request.seed
    studio.paces.finish(
      model.name, width: plan.size.width,
      realTimeFactor: Double(summary.sampleCount) / Double(SoundStage.sampleRate)
        / max(context.seat.seconds, 1e-6))
    return summary
  }

  /// What the model's part of it has made.
  private enum Made {
    case painted(SpectrogramPicture, PaintingPlan, Recipe)
    /// All of it, the sound as well.
    case played(JobSummary)
  }

  /// The beat of the source's picture; nil where that has no clear one, or nothing depends on it.
  func beat(of image: RasterImage, _ plan: PaintingPlan) throws -> BeatGrid? {
    guard !self.kept.beats.isEmpty || plan.told.tellsBeats else { return nil }
    let picture = try SpectrogramPicture(
      image: image, parameters: plan.parameters, maximum: plan.card.maximum)
    return ClipBeat.grid(of: OnsetEnvelope(picture, parameters: plan.parameters))
  }
}
