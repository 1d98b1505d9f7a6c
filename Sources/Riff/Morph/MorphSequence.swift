import AudioIO
import Cores
import Diffusion
import Provenance
import Spectrogram

/// The clips of a morph as one piece: painted one after another, played without a gap, the first while the
/// later ones are not painted yet.
struct MorphSequence {
  var job: MorphJob
  var painting: Painting

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let model = try studio.catalog.model(named: self.job.request.model)
    let card = try model.card()
    if !model.isLoaded { try context.progress(.loading) }
    return try studio.shelf.withModel(
      model, keepAlive: self.job.request.keepAliveSeconds, context.seat
    ) { diffusion in
      try self.run(diffusion, model, card, context, in: studio)
    }
  }

  private func run(
    _ diffusion: DiffusionModel, _ model: CatalogModel, _ card: ModelCard, _ context: JobContext,
    in studio: Studio
  ) throws -> JobSummary {
    let plan = try PaintingPlan(
      self.painting, model: model, card: card, info: diffusion.info, in: studio)
    let clips = self.job.clips ?? MorphJob.defaultClips
    try self.job.request.checkPicture(seconds: Double(clips) * plan.seconds)
    var recipe = try self.painting.recipe(plan, model: model, diffusion: diffusion, in: studio)
    recipe.set("clips", clips)
    if let power = self.job.power { recipe.set("power", power) }
    let painter = Painter(model: diffusion, name: model.name, paces: studio.paces)
    let source = try self.painting.source?.picture(plan.size, card: card, context)
    try painter.announce(self.request(0, of: clips, plan, source), plan, recipe, context)
    try painter.warn(ofWidth: plan.size.width, isEncoded: source != nil, context)
    let parameters = plan.parameters
    let columns = PaintedColumns(
      parameters, bins: parameters.melBins, frames: nil,
      kept: plan.size.width + PhaseRecoveryStream.mostUnread(parameters), maximum: card.maximum)
    let told = try self.told(of: clips, plan, source)
    var sound: ColumnSound?
    for clip in 0..<clips {
      context.window = clips > 1 ? (clip + 1, clips) : nil
      var request = self.request(clip, of: clips, plan, source)
      request.timeIDs = told[clip]
      let image = try painter.paint(
        request, context, rest: Painter.Rest(pictures: clips - clip - 1), due: sound?.due)
      columns.append(image, overlap: 0)
      if clip == clips - 1 { columns.end(at: clips * plan.size.width) }
      let picture = try SpectrogramPicture(
        image: image, parameters: parameters, maximum: card.maximum)
      if self.job.request.wantSpectrogram || self.job.request.output == nil {
        try context.send(
          .windowPicture(
            picture.png(texts: recipe.texts), firstColumn: clip * plan.size.width))
      }
      guard let output = self.job.request.output else { continue }
      if let sound {
        sound.prepare(for: picture)
      } else {
        sound = try ColumnSound(
          columns, first: picture, output: output, quality: self.job.request.quality,
          recipe: recipe, pool: context.seat.pool)
        sound?.end(
          at: clips * plan.size.sampleCount, fadeMilliseconds: self.job.request.fadeMilliseconds)
      }
      try sound?.play(context)
    }
    var summary = JobSummary(seed: plan.request.seed)
    if let sound {
      summary = try sound.finish(context)
      summary.seed = plan.request.seed
      studio.paces.finish(
        model.name, width: plan.size.width,
        realTimeFactor: Double(sound.sent) / Double(SoundStage.sampleRate)
          / max(context.seat.seconds, 1e-6))
    }
    return summary
  }

  private func share(_ clip: Int, of clips: Int) -> Double {
    MorphJob.share(clip, of: clips, power: self.job.power ?? 1)
  }

  /// What the model is told of each clip: beats run on from one clip into the next, or are those of the picture
  /// that all clips begin from.
  private func told(
    of clips: Int, _ plan: PaintingPlan, _ source: RasterImage?
  ) throws -> [[Double]] {
    let beat = try source.flatMap { try self.painting.beat(of: $0, plan) }
    var beats = 0.0
    return (0..<clips).map { clip in
      let told = plan.told.toward(self.job.to.prompt, share: self.share(clip, of: clips))
      guard source == nil else { return told.numbers(at: 0, of: beat) }
      defer { beats += (told.tempo ?? 0) / 60 * plan.seconds }
      return told.numbers(beats: beats)
    }
  }

  private func request(
    _ clip: Int, of clips: Int, _ plan: PaintingPlan, _ source: RasterImage?
  ) -> DiffusionRequest {
    var request = plan.request
    var strength = plan.strength
    var morph = self.painting.morph
    morph?.share = self.share(clip, of: clips)
    morph?.change(&request, strength: &strength)
    request.initial = source.map { InitialPicture(image: $0, strength: strength) }
    request.mask = self.painting.mask
    return request
  }
}
