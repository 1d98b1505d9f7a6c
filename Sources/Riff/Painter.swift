import Cores
import Diffusion
import Provenance
import Spectrogram

/// Paints a picture as planned, a unit of the session's work at a time.
struct Painter {
  var model: DiffusionModel
  var engine: Engine

  /// `image` is what the picture begins from, if anything; `mask` what of it stays; `recipe` is told when
  /// the request has been found right.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func paint(
    _ plan: PaintingPlan, from image: RGBImage?, under mask: KeepMask? = nil, _ recipe: Recipe,
    _ context: JobContext
  ) throws -> SpectrogramPicture {
    var request = plan.request
    request.initial = image.map { InitialPicture(image: $0, strength: plan.strength) }
    request.mask = mask
    try self.announce(request, plan, recipe, context)
    let windows =
      image == nil && plan.isLong
      ? BeatWindows(plan, painter: self, info: self.model.info) : nil
    let painted = try windows?.paint(context) ?? self.paint(request, context)
    return try SpectrogramPicture(
      image: RasterImage(width: painted.width, height: painted.height, pixels: painted.pixels),
      parameters: plan.card.spectrogram, maximum: plan.card.maximum)
  }

  /// Tells what is about to be made, if the request is right, and what the user should know of it.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func announce(
    _ request: DiffusionRequest, _ plan: PaintingPlan, _ recipe: Recipe, _ context: JobContext
  ) throws {
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
  }

  /// Paints a request. `report` hears how it goes instead of the job's listener.
  ///
  /// - Throws: the rooms' errors, `CancellationError`, and what `report` throws.
  func paint(
    _ request: DiffusionRequest, _ context: JobContext,
    report: ((DiffusionProgress) throws -> Void)? = nil
  ) throws -> RGBImage {
    let session = try self.model.begin(request)
    while session.next != nil {
      try self.engine.withTurn { turn in
        try session.advance(turn) { progress in
          if let report {
            try report(progress)
          } else {
            try context.progress(JobStage(progress.stage), progress.step, of: progress.steps)
          }
        }
      }
    }
    return session.image
  }
}
