import Cores
import Diffusion
import Provenance
import Spectrogram

/// Paints a picture as planned, a unit of the session's work a turn.
struct Painter {
  var model: DiffusionModel
  /// The model's name.
  var name: String
  var paces: Paces

  /// `image` is what the picture begins from, if anything; `mask` what of it stays; `recipe` and `warnings`
  /// are told when the request has been found right.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func paint(
    _ plan: PaintingPlan, from image: RGBImage?, under mask: KeepMask? = nil, _ recipe: Recipe,
    _ context: JobContext, warnings: [String] = []
  ) throws -> SpectrogramPicture {
    var request = plan.request
    request.initial = image.map { InitialPicture(image: $0, strength: plan.strength) }
    request.mask = mask
    try self.announce(request, plan, recipe, context)
    for warning in warnings { try context.send(.warning(warning)) }
    let windows =
      image == nil && plan.isLong
      ? BeatWindows(plan, painter: self, info: self.model.info) : nil
    let painted =
      try windows?.paint(context)
      ?? self.paint(request, context, rest: Rest(sound: plan.soundSeconds(self.paces)))
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
  /// - Parameters:
  ///   - rest: what follows.
  ///   - due: when the job's listener runs out of sound; nil where none was promised.
  /// - Throws: the rooms' errors, `CancellationError`, and what `report` throws.
  func paint(
    _ request: DiffusionRequest, _ context: JobContext, rest: Rest = Rest(), due: Double? = nil,
    report: ((DiffusionProgress) throws -> Void)? = nil
  ) throws -> RGBImage {
    let session = try self.model.begin(request)
    while let work = session.next {
      var need = self.need(of: work, session, rest)
      need.due = due
      try self.advance(session, need: need, context, report: report)
    }
    return session.image
  }

  /// What a job still has to do when a picture is painted.
  struct Rest {
    /// Pictures like that one.
    var pictures = 0
    /// Seconds of computing that its sound takes; nil where that is not known.
    var sound: Double?
  }

  /// Does the next unit of a session's work, in a turn of its own or, of a denoising step, of a job that
  /// takes it along.
  ///
  /// - Parameter need: what the job is said to need; nil: this unit, and nothing is known of the rest.
  /// - Returns: seconds of the cores that it took.
  /// - Throws: the rooms' errors, `CancellationError`, and what `report` throws.
  @discardableResult
  func advance(
    _ session: DiffusionSession, need: Need? = nil, _ context: JobContext,
    report: ((DiffusionProgress) throws -> Void)? = nil
  ) throws -> Double {
    guard let work = session.next else { return 0 }
    context.expect(need ?? Need(unit: self.seconds(of: work, session)))
    let before = context.seat.seconds
    try context.withSeat { seat in
      try session.advance(seat) { progress in
        if let report {
          try report(progress)
        } else {
          try context.progress(JobStage(progress.stage), progress.step, of: progress.steps)
        }
      }
    }
    let seconds = context.seat.seconds - before
    self.paces.add(seconds, to: self.kind(of: work, session.request))
    return seconds
  }

  /// Seconds of the cores that a unit of work is likely to take.
  func seconds(of work: DiffusionWork, _ session: DiffusionSession) -> Double {
    self.paces.seconds(self.kind(of: work, session.request)) ?? session.roughSeconds(work)
  }

  private func kind(of work: DiffusionWork, _ request: DiffusionRequest) -> Paces.Kind {
    let part: Paces.Kind.Part =
      switch work {
      case .encode: .encode
      case .condition: .condition
      case .denoise: .step
      case .decode: .decode
      }
    return Paces.Kind(
      model: self.name, width: request.width, height: request.height,
      isGuided: request.isGuided, part: part)
  }

  /// What the session needs until its sound is made, beginning with `work`.
  private func need(of work: DiffusionWork, _ session: DiffusionSession, _ rest: Rest) -> Need {
    let request = session.request
    func seconds(_ work: DiffusionWork) -> Double { self.seconds(of: work, session) }
    let unit = seconds(work)
    let knows = self.paces.seconds(self.kind(of: .denoise(step: 0, steps: 1), request)) != nil
    let steps: Int
    switch work {
    case .encode, .condition: steps = session.stepCount
    case .denoise(let step, let all): steps = all - step
    case .decode: steps = 0
    }
    let step = seconds(.denoise(step: 0, steps: 1))
    var remaining = Double(steps) * step + (rest.sound ?? 0)
    if rest.pictures > 0 {
      // Windows after the first begin from what is there.
      let each =
        seconds(.encode) + seconds(.condition) + Double(session.stepCount) * step + seconds(.decode)
      remaining += Double(rest.pictures) * each
    }
    switch work {
    case .encode: remaining += unit + seconds(.condition) + seconds(.decode)
    case .condition: remaining += unit + seconds(.decode)
    case .denoise: remaining += seconds(.decode)
    case .decode: remaining += unit
    }
    return Need(remaining: knows || steps == 0 ? remaining : nil, unit: unit)
  }
}
