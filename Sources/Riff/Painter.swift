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
    _ plan: PaintingPlan, from image: RasterImage?, under mask: KeepMask? = nil, _ recipe: Recipe,
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
      ?? self.paintWhole(request, context, rest: Rest(sound: plan.soundSeconds(self.paces)))
    return try SpectrogramPicture(
      image: painted, parameters: plan.parameters, maximum: plan.card.maximum)
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
    for cut in session.promptCuts { try context.warn(of: cut) }
  }

  /// Paints a request as one picture, and says so where that is so wide that it is put together from parts.
  private func paintWhole(
    _ request: DiffusionRequest, _ context: JobContext, rest: Rest
  ) throws -> RasterImage {
    try self.warn(ofWidth: request.width, isEncoded: request.initial != nil, context)
    return try self.paint(request, context, rest: rest)
  }

  /// Tells what the user should know of a wide picture.
  func warn(ofWidth width: Int, isEncoded: Bool, _ context: JobContext) throws {
    guard let whole = self.model.info.wholeWidth, width > whole else { return }
    let work = isEncoded ? "encoded and decoded" : "decoded"
    try context.send(
      .warning(
        "width: of the \(width) pixels, at most \(whole) are \(work) as a whole; the picture is put together "
          + "from parts that overlap, and differs from the model's own (docs/riffusion.md)"))
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
  ) throws -> RasterImage {
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
  /// - Parameter need: what the job is said to need.
  /// - Returns: seconds of the cores that it took.
  /// - Throws: the rooms' errors, `CancellationError`, and what `report` throws.
  @discardableResult
  func advance(
    _ session: DiffusionSession, need: Need, _ context: JobContext,
    report: ((DiffusionProgress) throws -> Void)? = nil
  ) throws -> Double {
    guard let work = session.next else { return 0 }
    context.expect(need)
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
    self.paces.add(seconds, to: self.kind(of: work, session))
    return seconds
  }

  /// Seconds of the cores that a unit of work is likely to take.
  func seconds(of work: DiffusionWork, _ session: DiffusionSession) -> Double {
    self.paces.seconds(self.kind(of: work, session)) ?? session.roughSeconds(work)
  }

  private func kind(of work: DiffusionWork, _ session: DiffusionSession) -> Paces.Kind {
    let request = session.request
    let part: Paces.Kind.Part =
      switch work {
      case .encode: .encode
      case .condition: .condition
      case .denoise(let step, _): .step(session.stepKinds[step])
      case .decode: .decode
      }
    return Paces.Kind(
      model: self.name, width: request.width, height: request.height,
      isGuided: request.isGuided, part: part)
  }

  /// What the session needs until its sound is made, beginning with `work`.
  private func need(of work: DiffusionWork, _ session: DiffusionSession, _ rest: Rest) -> Need {
    func seconds(_ work: DiffusionWork) -> Double { self.seconds(of: work, session) }
    let unit = seconds(work)
    let decoding =
      seconds(.decode(part: 0, parts: session.decodingParts)) * Double(session.decodingParts)
    let done: Int
    switch work {
    case .encode, .condition: done = 0
    case .denoise(let step, _): done = step
    case .decode: done = session.stepCount
    }
    // A step of each kind, for all of it.
    var steps: [StepKind: (work: DiffusionWork, count: Int, all: Int)] = [:]
    for (step, kind) in session.stepKinds.enumerated() {
      let first = DiffusionWork.denoise(step: step, steps: session.stepCount)
      steps[kind, default: (first, 0, 0)].count += step < done ? 0 : 1
      steps[kind]?.all += 1
    }
    let knows = steps.values.allSatisfy {
      $0.count == 0 || self.paces.seconds(self.kind(of: $0.work, session)) != nil
    }
    var remaining = steps.values.reduce(rest.sound ?? 0) {
      $0 + Double($1.count) * seconds($1.work)
    }
    if rest.pictures > 0 {
      // Windows after the first begin from what is there.
      let denoising = steps.values.reduce(0) { $0 + Double($1.all) * seconds($1.work) }
      let each = seconds(.encode) + seconds(.condition) + denoising + decoding
      remaining += Double(rest.pictures) * each
    }
    switch work {
    case .encode: remaining += unit + seconds(.condition) + decoding
    case .condition: remaining += unit + decoding
    case .denoise: remaining += decoding
    case .decode(let part, let parts): remaining += unit * Double(parts - part)
    }
    return Need(remaining: knows ? remaining : nil, unit: unit)
  }
}
