import AudioIO
import Cores
import Diffusion
import Provenance
import Spectrogram

/// A clip that goes on: windows are painted behind its end, or before its beginning, each keeping some of
/// what is there. The clip's own sound stays as it is, but for a short joint. The sound of a window leaves
/// before the next but one is painted; memory does not grow with the length.
///
/// What comes before a clip is painted backwards, away from it, where one picture holds all of that: then each
/// window keeps what it leads to, and no sound leaves before the last one is painted. What is longer is
/// painted from its beginning on, and its last window leads into the clip.
struct ClipExtension {
  var job: RemixJob
  /// How much is added.
  var seconds: Double
  /// What is told of the upload.
  var upload: UploadNotes

  /// Columns of latents of the clip that the first window may keep.
  private static let context = 2 * BeatWindows.keptLatents
  /// The most that what was painted is brought up or down by.
  private static let largestGain: Float = 8

  /// Where in the upload the clip begins, in seconds.
  private var start: Double { self.job.span?.startSeconds ?? self.job.startSeconds }
  /// Sample frames that are added.
  private var added: Int { max(1, Int((self.seconds * Double(SoundPath.sampleRate)).rounded())) }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let request = self.job.request
    guard let output = request.output else {
      throw JobError(
        .invalidArgument(field: "output"), "output must not be NONE: a clip that goes on is sound")
    }
    let model = try studio.catalog.model(named: request.model)
    let card = try model.card()
    let sound = try self.job.clip(
      start: self.start, duration: nil, context, into: studio.uploads)
    if !model.isLoaded { try context.progress(.loading) }
    return try studio.shelf.withModel(model, keepAlive: request.keepAliveSeconds, context.seat) {
      diffusion in
      let painting = Painting(job: request, source: nil, upload: self.upload)
      let plan = try PaintingPlan(
        painting, model: model, card: card, info: diffusion.info, in: studio)
      var recipe = try painting.recipe(plan, model: model, diffusion: diffusion, in: studio)
      self.complete(&recipe, output: output, channels: sound.channelCount)
      let painter = Painter(model: diffusion, name: model.name, paces: studio.paces)
      try painter.announce(plan.request, plan, recipe, context)
      var summary = try self.extend(
        sound, plan, BeatWindows(anyOf: plan, painter: painter, info: diffusion.info), output,
        recipe, context)
      summary.seed = plan.request.seed
      return summary
    }
  }

  private func extend(
    _ sound: SpooledSound, _ plan: PaintingPlan, _ windows: BeatWindows, _ output: OutputFormat,
    _ recipe: Recipe, _ context: JobContext
  ) throws -> JobSummary {
    let parameters = plan.parameters
    let known = try self.known(sound, parameters, latent: windows.multiple, context)
    let maximum = known.maximum > 0 ? known.maximum : plan.card.maximum
    let step = parameters.stepMilliseconds * (SoundPath.sampleRate / 1_000)
    let new = (self.added + step - 1) / step
    let longest = plan.card.defaults.maxWidth ?? GenerateJob.defaultMaxWidth
    let isBackwards =
      self.job.extendsBefore && known.frames + new <= max(longest, known.frames + windows.window)
    /// Columns before the clip's.
    var before = self.job.extendsBefore ? new : 0
    if self.job.extendsBefore, !isBackwards {
      before = try windows.columns(before: known.image, atLeast: new)
    }
    let columns = PaintedColumns(
      parameters, bins: parameters.melBins, frames: nil,
      kept: isBackwards
        ? before + known.frames
        : 2 * windows.window + PhaseRecoveryStream.mostUnread(parameters), maximum: maximum)
    let gain = try self.gain(of: known, sound, context)
    let samples = try ColumnSamples(
      columns, parameters: parameters, quality: self.job.request.quality,
      level: gain.map { LevelControl(channels: columns.channels, gain: $0) }
        ?? LevelControl(channels: columns.channels), pool: context.seat.pool)
    let joined = try JoinedSound(
      sound, samples,
      skipped: self.job.extendsBefore ? before * step - self.added : known.frames * step,
      added: self.added, isBefore: self.job.extendsBefore, output: output,
      fadeMilliseconds: self.job.request.fadeMilliseconds, recipe: recipe)
    func take(_ range: Range<Int>) throws -> Double? {
      let image = columns.picture(range, width: range.count)
      let picture = try SpectrogramPicture(image: image, parameters: parameters, maximum: maximum)
      if self.job.request.wantSpectrogram {
        try context.send(
          .windowPicture(picture.png(texts: recipe.texts), firstColumn: range.lowerBound))
      }
      samples.prepare(for: picture)
      try joined.play(context)
      return joined.due
    }
    if isBackwards {
      let image = try windows.preceded(known.image, by: before, context)
      columns.append(image, overlap: 0)
      columns.end(at: image.width)
      _ = try take(0..<image.width)
    } else if self.job.extendsBefore {
      try windows.paint(
        before: known.image, count: before, onto: columns, context, take: take)
    } else {
      try windows.paint(
        behind: known.image, to: known.frames + new, onto: columns, context, take: take)
    }
    return try joined.finish(context)
  }

  /// The clip's end, or its beginning where it is to be preceded.
  private func known(
    _ sound: SpooledSound, _ parameters: SpectrogramParameters, latent: Int, _ context: JobContext
  ) throws -> SpectrogramPicture {
    let step = parameters.stepMilliseconds * (SoundPath.sampleRate / 1_000)
    let columns = sound.sampleCount / step / latent * latent
    guard columns > 0 else {
      throw JobError(
        .invalidArgument(field: "chunk"),
        "the clip is too short to go on from: it lasts \(Double(sound.sampleCount) / 48_000) s, and "
          + "\(Double(latent * step) / 48_000) s are needed")
    }
    let count = min(Self.context * latent, columns)
    let mel = try context.withTurn { turn in
      try ClipWindows.analysed(
        sound, parameters, 0..<count, origin: self.place(of: count * step, in: sound), turn)
    }
    return try SpectrogramPicture(mel, parameters: parameters)
  }

  /// Where the sample frames begin that the clip's picture shows.
  private func place(of count: Int, in sound: SpooledSound) -> Int {
    self.job.extendsBefore ? 0 : sound.sampleCount - count
  }

  /// What brings the sound of the clip's picture to the loudness that the clip has there; nil where that is
  /// silent, which says nothing.
  private func gain(
    of known: SpectrogramPicture, _ sound: SpooledSound, _ context: JobContext
  ) throws -> Float? {
    let recovery = try PhaseRecoveryStream(
      known, parameters: known.parameters, quality: self.job.request.quality,
      pool: context.seat.pool)
    let resampler = try StreamResampler(
      from: recovery.sampleRate, to: SoundPath.sampleRate, channels: known.channels)
    var made: [[Float]] = Array(repeating: [], count: known.channels)
    func add(_ samples: [[Float]]) {
      for (channel, values) in samples.enumerated() { made[channel] += values }
    }
    while let samples = try context.withTurn({ turn in
      try recovery.next { try turn.checkpoint() }
    }) {
      try add(resampler.append(samples))
    }
    try add(resampler.finish())
    let first = self.place(of: made[0].count, in: sound)
    let wanted = Self.power(try sound.samples(first..<first + made[0].count))
    let got = Self.power(JoinedSound.brought(made, to: sound.channelCount))
    guard wanted > 1e-9, got > 1e-12 else { return nil }
    return min(Self.largestGain, max(1 / Self.largestGain, Float((wanted / got).squareRoot())))
  }

  private static func power(_ channels: [[Float]]) -> Double {
    channels.reduce(0) { $0 + KWeighting.meanSquare(of: $1) }
  }

  private func complete(_ recipe: inout Recipe, output: OutputFormat, channels: Int) {
    recipe["method"] = "Remix"
    recipe.set("extend_seconds", self.seconds)
    if self.job.extendsBefore { recipe.set("extend_before", true) }
    if self.start > 0 { recipe.set("span.start_seconds", self.start) }
    if let bpm = self.job.stretchToBPM { recipe.set("stretch_to_bpm", bpm) }
    recipe.setOutput(
      output, quality: self.job.request.quality, channels: channels,
      fadeMilliseconds: self.job.request.fadeMilliseconds)
  }
}
