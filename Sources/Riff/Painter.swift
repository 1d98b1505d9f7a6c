import Cores
import Diffusion
import Provenance
import Spectrogram

/// Paints a picture as planned, a unit of the session's work at a time.
struct Painter {
  var model: DiffusionModel
  var engine: Engine

  /// `image` is what the picture begins from, if anything; `recipe` is told when the request has been
  /// found right.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func paint(
    _ plan: PaintingPlan, from image: RGBImage?, _ recipe: Recipe, _ context: JobContext
  ) throws -> SpectrogramPicture {
    var request = plan.request
    request.initial = image.map { InitialPicture(image: $0, strength: plan.strength) }
    let session = try self.model.begin(request)
    try context.start(recipe)
    for warning in plan.warnings(self.model.info) + self.model.schedulerWarnings(request) {
      try context.send(.warning(warning))
    }
    for cut in session.promptCuts {
      try context.send(
        .warning(
          "\(cut.field): \(cut.tokens) tokens long; the model reads the first \(cut.kept)"))
    }
    while session.next != nil {
      try self.engine.withTurn { turn in
        try session.advance(turn) { progress in
          try context.progress(JobStage(progress.stage), progress.step, of: progress.steps)
        }
      }
    }
    let painted = session.image
    return try SpectrogramPicture(
      image: RasterImage(width: painted.width, height: painted.height, pixels: painted.pixels),
      parameters: plan.card.spectrogram, maximum: plan.card.maximum)
  }
}
