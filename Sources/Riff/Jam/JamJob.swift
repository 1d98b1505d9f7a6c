import AudioIO
import Cores
import Diffusion
import Provenance
import Spectrogram

/// Music that does not stop and can be steered: a jam. Fields are those of `JamOptions` in `riff.proto`.
public struct JamJob: Job {
  /// How it begins; its prompt is not read.
  public var request: GenerateJob
  /// At least one.
  public var prompts: [WeightedPrompt]
  /// Beats a minute; nil: as the prompts say, else as the first window has it.
  public var bpm: Double? {
    get { self.request.bpm }
    set { self.request.bpm = newValue }
  }
  /// Whether the sound leaves as it is made, whoever listens.
  public var isUnpaced = false
  /// What the caller says meanwhile.
  public let inbox: JamInbox
  /// Seconds after which it ends where nobody takes its sound.
  public var idleSeconds = RequestLimits.jamIdleSeconds
  /// What it takes time from; nil: the engine's clock.
  package var time: (any JamTime)?

  /// Plays `prompts`, 1 to 33 of them, until `inbox` says stop.
  public init(_ request: GenerateJob, prompts: [WeightedPrompt], inbox: JamInbox) {
    self.request = request
    self.prompts = prompts
    self.inbox = inbox
  }

  var method: String { "Jam" }
  var title: String { self.prompts.map(\.prompt).joined(separator: " + ") }

  func check(_ faults: inout RequestFaults, in studio: Studio) {
    if self.prompts.isEmpty {
      faults.add("prompt", "prompt must not be empty: say in a few words what to play")
    }
    faults.check("prompts", self.prompts)
    var request = self.request
    // Those have been checked.
    request.prompt = "music"
    request.check(&faults, in: studio)
    if request.output == nil {
      faults.add("output", "output must not be NONE: a jam is sound")
    }
    request.refuseLoop(&faults, "a jam has no end")
    for (field, isSet) in [
      ("width", request.width != nil), ("duration_seconds", request.durationSeconds != nil),
      ("fade_ms", request.fadeMilliseconds != 0),
    ] where isSet {
      faults.add(field, "\(field) must be unset: a jam has no end")
    }
  }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    guard let output = self.request.output else {
      throw JobError(.invalidArgument(field: "output"), "output must not be NONE: a jam is sound")
    }
    let model = try studio.catalog.model(named: self.request.model)
    let card = try model.card()
    if !model.isLoaded { try context.progress(.loading) }
    return try studio.shelf.withModel(
      model, keepAlive: self.request.keepAliveSeconds, context.seat
    ) { diffusion in
      try self.run(diffusion, model, card, output, context, in: studio)
    }
  }

  private func run(
    _ diffusion: DiffusionModel, _ model: CatalogModel, _ card: ModelCard, _ output: OutputFormat,
    _ context: JobContext, in studio: Studio
  ) throws -> JobSummary {
    var request = self.request
    // There is at least one: it has been checked.
    request.prompt = self.prompts[0].prompt
    let painting = Painting(job: request)
    let plan = try PaintingPlan(
      painting, model: model, card: card, info: diffusion.info, in: studio)
    let settings = JamSettings(
      prompts: self.prompts, negativePrompt: plan.request.negativePrompt,
      guidanceScale: plan.request.guidanceScale, seed: plan.request.seed, bpm: self.bpm)
    let painter = Painter(model: diffusion, name: model.name, paces: studio.paces)
    let windows = WindowPainter(settings, plan: plan, painter: painter)
    var recipe = try painting.recipe(plan, model: model, diffusion: diffusion, in: studio)
    recipe["method"] = self.method
    if self.prompts.count > 1 {
      recipe["prompt"] = self.prompts.map { "\($0.prompt) \($0.weight)" }.joined(separator: " + ")
      // A prompt may have a plus in it, too.
      for (index, prompt) in self.prompts.enumerated() {
        recipe["prompts.\(index).prompt"] = prompt.prompt
        recipe.set("prompts.\(index).weight", prompt.weight)
      }
    }
    try painter.announce(
      windows.request(settings, beats: nil, start: 0, kept: 0, steps: plan.request.steps), plan,
      recipe, context)
    let time = self.time ?? EngineTime(seat: context.seat)
    let queue = JamQueue(
      channels: windows.columns.channels, clock: JamClock(isUnpaced: self.isUnpaced))
    let jam = Jam(inbox: self.inbox, windows: windows, queue: queue, time: time)
    var summary = try jam.play(context) { first, pool, cores in
      let voice = try JamVoice(
        windows.columns, first: first, quality: request.quality, pool: pool, queue: queue,
        time: time, outlet: context.outlet, cores: cores)
      let encoder = try output.makeEncoder(
        channels: windows.columns.channels,
        comments: recipe.tags.map { AudioComment($0.key, $0.value) },
        inputSampleRate: voice.inputSampleRate,
        serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))
      let sender = JamSender(
        windows.columns, columnSeconds: windows.step, encoder: encoder, queue: queue,
        inbox: self.inbox, time: time, outlet: context.outlet, idleSeconds: self.idleSeconds,
        isClosing: { studio.isClosing })
      return Jam.Sound(voice: voice, sender: sender)
    }
    summary.seed = plan.request.seed
    if summary.sampleCount > 0 {
      studio.paces.finish(
        model.name, width: plan.size.width,
        realTimeFactor: Double(summary.sampleCount) / Double(SoundStage.sampleRate)
          / max(context.seat.seconds, 1e-6))
    }
    return summary
  }
}

/// The engine's clock.
private struct EngineTime: JamTime {
  let seat: Seat
  var now: Double { self.seat.now }
}
