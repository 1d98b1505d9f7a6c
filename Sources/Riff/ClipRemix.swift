import AudioIO
import Cores
import Diffusion
import Provenance
import Spectrogram

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A clip painted over as a whole, window by window, and played as one piece: one scale, one recovery,
/// one gain, one stream.
///
/// Windows overlap. A window begins with what the one before made of the overlap, which stays while the
/// rest is painted; over it one picture fades into the next. The sound of a window leaves before the
/// next but one is painted.
struct ClipRemix {
  /// Seconds of a clip that are remixed at most. They lie in the spool, at 48 kHz: memory does not grow
  /// with them.
  static let longest = 3_600.0

  var job: RemixJob
  /// The part that is wanted.
  var span: RemixJob.Span
  /// What is told of the upload.
  var upload: UploadNotes

  /// Columns that the recovery and the gains read ahead of the sample that leaves.
  private static let lookAhead = 224

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let request = self.job.request
    guard let output = request.output else {
      throw JobError(
        .invalidArgument(field: "output"), "output must not be NONE: a remix of a span is sound")
    }
    let model = try studio.catalog.model(named: request.model)
    let card = try model.card()
    let sound = try self.job.clip(
      start: self.span.startSeconds, duration: self.span.durationSeconds, context,
      into: studio.uploads)

    if !model.isLoaded { try context.progress(.loading) }
    return try studio.shelf.withModel(model, keepAlive: request.keepAliveSeconds, context.seat) {
      diffusion in
      try self.run(diffusion, model, card, sound, output, context, in: studio)
    }
  }

  private func run(
    _ diffusion: DiffusionModel, _ model: CatalogModel, _ card: ModelCard, _ sound: SpooledSound,
    _ output: OutputFormat, _ context: JobContext, in studio: Studio
  ) throws -> JobSummary {
    let request = self.job.request
    let painting = Painting(
      job: request, source: nil, upload: self.upload,
      strength: self.job.strength ?? card.defaults.remixStrength ?? RemixJob.defaultSpanStrength)
    let plan = try PaintingPlan(
      painting, model: model, card: card, info: diffusion.info, in: studio)
    let parameters = plan.parameters
    // Two latent columns at least, so that one is kept whole and one fades.
    let overlap =
      max(2, plan.size.width / 8 / diffusion.info.widthMultiple)
      * diffusion.info.widthMultiple
    guard overlap < plan.size.width else {
      throw JobError(
        .invalidArgument(field: "width"),
        "width must be more than \(overlap) pixels for windows that overlap")
    }
    let windows = try context.withTurn { turn in
      try ClipWindows(
        sound, parameters: parameters, width: plan.size.width, overlap: overlap, turn)
    }
    var recipe = try painting.recipe(plan, model: model, diffusion: diffusion, in: studio)
    self.complete(
      &recipe, strength: plan.strength, output: output, channels: sound.channelCount)
    let painter = Painter(model: diffusion, name: model.name, paces: studio.paces)
    let beat = try self.beat(sound, plan, context)
    let kept = try self.kept(parameters, info: diffusion.info, beat)
    try painter.announce(plan.request, plan, recipe, context)
    try painter.warn(ofWidth: windows.width, isEncoded: true, context)
    for warning in kept?.warnings ?? [] { try context.send(.warning(warning)) }
    let canvas = Canvas(windows)
    let edit = try PictureEdit(
      source: canvas.source, unchanged: canvas.unchanged, edited: canvas.edited,
      maximum: Double(windows.maximum))
    let path = try RemixedSound(
      edit, parameters: windows.parameters, channels: sound.channelCount,
      quality: request.quality, keepsGroove: self.job.keepsGroove, pool: context.seat.pool)
    var level = RemixLevel(channels: sound.channelCount, peak: sound.peak)
    var fade = Fade(milliseconds: request.fadeMilliseconds, sampleCount: sound.sampleCount)
    let encoder = try output.makeEncoder(
      channels: sound.channelCount, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: sound.sampleRate,
      serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))

    var taken = 0
    func send(_ samples: [[Float]]) throws {
      guard samples[0].count > 0 else { return }
      let bytes = try encoder.append(fade.process(samples))
      if !bytes.isEmpty {
        try context.send(
          .audio(bytes), seconds: Double(samples[0].count) / Double(SoundPath.sampleRate))
      }
    }
    func play(to end: Int) throws {
      while taken < end {
        // A second at a time.
        let next = min(taken + SoundPath.sampleRate, end)
        let own = try sound.samples(taken..<next)
        let made = try context.withTurn { turn in
          try path.append(own) { try turn.checkpoint() }
        }
        try send(level.process(made, against: own))
        taken = next
        try context.progress(
          .sound, secondsDone: Double(taken) / Double(SoundPath.sampleRate))
      }
      try send(level.settle())
    }
    let step = windows.columnSamples
    for window in 0..<windows.count {
      context.window = windows.count > 1 ? (window + 1, windows.count) : nil
      try self.paint(window, of: windows, on: canvas, plan, painter, beat, kept, context)
      let isLast = window == windows.count - 1
      if request.wantSpectrogram {
        try self.send(window, of: windows, canvas, recipe, context)
      }
      // The next window fades in over the overlap.
      let ready = windows.start(window) + windows.width - windows.overlap - Self.lookAhead
      try play(to: isLast ? sound.sampleCount : max(0, ready * step))
    }
    let rest = try context.withTurn { turn in try path.finish { try turn.checkpoint() } }
    try send(level.process(rest, against: nil))
    try send(level.finish())
    let bytes = try encoder.finish()
    if !bytes.isEmpty { try context.send(.audio(bytes)) }
    return JobSummary(
      seed: plan.request.seed, sampleCount: sound.sampleCount,
      channelCount: sound.channelCount, head: encoder.finalHead)
  }

  /// The clip's beat; nil where there is no clear one, or nothing depends on it.
  private func beat(
    _ sound: SpooledSound, _ plan: PaintingPlan, _ context: JobContext
  ) throws -> BeatGrid? {
    guard !self.job.kept.beats.isEmpty || plan.told.tellsBeats else { return nil }
    return try ClipBeat(sound, context).grid
  }

  /// What of the clip stays; nil where nothing was asked for.
  private func kept(
    _ parameters: SpectrogramParameters, info: DiffusionModelInfo, _ beat: BeatGrid?
  ) throws -> KeptGrid? {
    guard !self.job.kept.isEmpty else { return nil }
    return try KeptGrid(self.job.kept, parameters: parameters, info: info, beat: beat)
  }

  /// Sends the picture of what a window adds for good: the next one fades in over the overlap.
  private func send(
    _ window: Int, of windows: ClipWindows, _ canvas: Canvas, _ recipe: Recipe,
    _ context: JobContext
  ) throws {
    let start = windows.start(window)
    let end =
      window == windows.count - 1
      ? windows.columns : start + windows.width - windows.overlap
    guard start < end else { return }
    let image = canvas.edited.picture(start..<end, width: end - start)
    let picture = try SpectrogramPicture(
      image: image, parameters: windows.parameters, maximum: Double(windows.maximum))
    try context.send(.windowPicture(picture.png(texts: recipe.texts), firstColumn: start))
  }

  /// What a whole clip's recipe says beside a picture's.
  private func complete(
    _ recipe: inout Recipe, strength: Double, output: OutputFormat, channels: Int
  ) {
    recipe["method"] = "Remix"
    recipe.set("strength", strength)
    recipe.set("span.start_seconds", self.span.startSeconds)
    if let duration = self.span.durationSeconds { recipe.set("span.duration_seconds", duration) }
    recipe["keep"] = self.job.keepsGroove ? "groove" : "nothing"
    if !self.job.toPrompt.isEmpty { recipe["to_prompt"] = self.job.toPrompt }
    recipe.set(self.job.kept)
    if let bpm = self.job.stretchToBPM { recipe.set("stretch_to_bpm", bpm) }
    recipe.setOutput(
      output, quality: self.job.request.quality, channels: channels,
      fadeMilliseconds: self.job.request.fadeMilliseconds)
  }

  /// The three pictures, as far as they are painted.
  private struct Canvas {
    let source: PaintedColumns
    let unchanged: PaintedColumns
    let edited: PaintedColumns

    init(_ windows: ClipWindows) {
      func columns() -> PaintedColumns {
        PaintedColumns(
          windows.parameters, bins: windows.parameters.melBins, frames: windows.columns,
          kept: 2 * windows.width + 2 * ClipRemix.lookAhead, maximum: Double(windows.maximum))
      }
      source = columns()
      unchanged = columns()
      edited = columns()
    }
  }

  /// Paints a window: as it is, through the autoencoder, and over.
  private func paint(
    _ window: Int, of windows: ClipWindows, on canvas: Canvas, _ plan: PaintingPlan,
    _ painter: Painter, _ beat: BeatGrid?, _ kept: KeptGrid?, _ context: JobContext
  ) throws {
    let image = try context.withTurn { turn in try windows.picture(window, turn) }
    let overlap = window == 0 ? 0 : windows.overlap
    var request = plan.request
    request.initial = InitialPicture(image: image, strength: 0)
    let rest = Painter.Rest(pictures: windows.count - window - 1)
    let unchanged = try painter.paint(request, context, rest: rest)
    request.initial?.strength = plan.strength
    var told = plan.told
    if !self.job.toPrompt.isEmpty {
      let middle = Double(windows.start(window)) + Double(windows.width) / 2
      let share = min(1, middle / Double(max(1, windows.columns)))
      request.blend = [PromptShare(self.job.toPrompt, share: share)]
      told = told.toward(self.job.toPrompt, share: share)
    }
    told.tempo = told.tempo ?? self.job.stretchToBPM
    request.timeIDs = told.numbers(
      at: Double(windows.start(window) * windows.columnSamples) / Double(SoundPath.sampleRate),
      of: beat)
    if overlap > 0 {
      // What the window before made of the overlap stays, less and less towards its end.
      let before = canvas.edited.tail(overlap, width: overlap)
      request.initial?.image = image.replacing(columns: 0..<overlap, by: before)
      request.mask = KeepMask(
        width: windows.width, height: 1,
        levels: (0..<windows.width).map { column in
          column >= overlap ? 255 : column >= overlap / 2 ? 128 : 0
        })
    }
    if let kept {
      request.mask = kept.mask(
        at: windows.start(window), width: windows.width, over: request.mask)
    }
    let edited =
      plan.strength > 0 ? try painter.paint(request, context, rest: rest) : unchanged
    canvas.source.append(image, overlap: overlap)
    canvas.unchanged.append(unchanged, overlap: overlap)
    canvas.edited.append(edited, overlap: overlap)
  }
}
