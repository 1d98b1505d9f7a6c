import Diffusion
import Spectrogram

/// A request resolved against its model: every setting has a value, and fits.
struct PaintingPlan {
  /// What to paint, but for the picture that it begins from.
  private(set) var request: DiffusionRequest
  let size: PictureSize
  let card: ModelCard
  /// The scheduler that runs.
  let scheduler: SchedulerName
  /// How much work goes into the sound.
  let quality: RecoveryQuality
  /// Whether there is a picture to begin from, and how far it is painted over, 0 to 1.
  let isRemix: Bool
  /// As asked for, or the model's own; between two ideas, the request's lies between theirs.
  let guidanceScale: Double
  /// Whether a length was asked for, rather than a width: a longer piece than the model's own may then
  /// be painted in windows.
  let isLong: Bool
  /// Beats a minute that were asked for, or that the prompt names; as they are drawn, which may be a little
  /// faster or slower than they are played.
  let bpm: Double?
  /// What the model is told besides words.
  private(set) var told: TimeIDs
  /// Whether the piece joins its own beginning.
  let isLoop: Bool
  private(set) var strength: Double
  /// What stays of the picture that it begins from.
  private let mask: KeepMask?
  /// All that the picture has: the request's and the model's own.
  let loras: [LoRAUse]

  /// Draws a seed of 32 bits, which is all that noise depends on, where the request has none.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument` that names the field, or `notFound` of a LoRA.
  init(
    _ painting: Painting, model: CatalogModel, card: ModelCard, info: DiffusionModelInfo,
    in studio: Studio
  ) throws(JobError) {
    let job = painting.job
    self.loras = model.loras(job.loras)
    self.card = card
    self.quality = job.quality
    self.isRemix = painting.source != nil
    self.isLong = job.durationSeconds != nil || job.bars != nil
    self.isLoop = job.loop
    self.strength = painting.strength
    self.mask = painting.mask
    self.size = try PictureSize(job, source: painting.source, card: card, info: info)
    var prompt = job.prompt
    if let bars = job.bars {
      let seconds = Double(self.size.width * card.spectrogram.stepMilliseconds) / 1_000
      let drawn = Double(4 * bars) * 60 / seconds
      self.bpm = drawn
      prompt = NamedTempo.naming(drawn.rounded(), in: prompt)
    } else {
      self.bpm = job.bpm ?? NamedTempo(in: job.prompt)?.bpm
      if let bpm = job.bpm { prompt = NamedTempo.naming(bpm, in: prompt) }
    }
    self.told = TimeIDs(
      card, count: info.timeIDs, prompt: job.prompt, bpm: job.bars == nil ? job.bpm : self.bpm)
    // Fresh noise is what the checkpoint's own sampler may take.
    let own = job.eta == nil ? card.defaults.schedulerName : nil
    let scheduler = try job.schedulerName() ?? own
    self.scheduler = scheduler ?? info.defaultScheduler
    self.guidanceScale =
      job.guidanceScale ?? card.defaults.guidanceScale ?? GenerateJob.defaultGuidanceScale
    self.request = DiffusionRequest(
      prompt: prompt, negativePrompt: job.negativePrompt,
      seed: job.seed ?? UInt64(UInt32.random(in: .min ... .max)),
      steps: job.steps ?? card.defaults.steps ?? GenerateJob.defaultSteps,
      guidanceScale: self.guidanceScale,
      scheduler: scheduler, eta: job.eta ?? 0, promptWeighting: job.promptWeighting,
      width: self.size.width, height: self.size.height)
    let interval = card.defaults.guidanceInterval
    // What the picture begins from is rarely what the words ask for: they need every step that there is.
    self.request.guidanceInterval =
      job.guidanceInterval ?? (self.isRemix ? interval.fromTheFirstStep : interval)
    self.request.deepCacheInterval = job.deepCacheInterval ?? 1
    self.request.isCircular = job.loop
    self.request.timeIDs = self.told.numbers(beats: 0)
    self.request.adapters = try studio.loras.adapters(self.loras)
  }

  /// Guidance of windows that keep some of others: from the first step on. What is kept makes pieces differ there,
  /// and without guidance at the first steps what the words ask for fades from window to window.
  var keepingInterval: GuidanceInterval { self.request.guidanceInterval.fromTheFirstStep }

  /// How the pictures map to sound.
  var parameters: SpectrogramParameters {
    var parameters = self.card.spectrogram
    parameters.melBins = self.size.height
    return parameters
  }

  /// Seconds that the picture shows.
  var seconds: Double {
    Double(self.size.width * self.card.spectrogram.stepMilliseconds) / 1_000
  }

  /// Plans the picture at a place between two ideas instead of the first one's.
  mutating func change(to morph: Morphing) {
    morph.change(&self.request, strength: &self.strength)
    self.told = self.told.toward(morph.to.prompt, share: morph.share)
    self.request.timeIDs = self.told.numbers(beats: 0)
  }

  /// Tells the model the beat of what the picture begins from.
  mutating func tell(_ beat: BeatGrid) { self.request.timeIDs = self.told.numbers(at: 0, of: beat) }

  /// Seconds of computing that the sound takes; nil where none was made yet.
  func soundSeconds(_ paces: Paces) -> Double? {
    let kind = Paces.Kind(
      part: .sound(channels: self.card.spectrogram.channels, quality: self.quality.rawValue))
    return paces.seconds(kind).map {
      $0 * Double(self.size.sampleCount) / Double(SoundStage.sampleRate)
    }
  }

  /// What the user should know of it, a sentence each.
  func warnings(_ info: DiffusionModelInfo) -> [String] {
    var warnings: [String] = []
    let height = self.card.defaults.height ?? info.defaultHeight
    if self.size.height != height {
      warnings.append(
        "height: the model was made for pictures of \(height) rows; with \(self.size.height) pitches "
          + "may be wrong")
    }
    // One of a single row says only when.
    if let mask, mask.height > 1, mask.width != self.size.width || mask.height != self.size.height {
      warnings.append(
        "mask: the mask has \(mask.width) × \(mask.height) pixels and the picture \(self.size.width) × "
          + "\(self.size.height), so it was resized")
    }
    if self.isRemix, Int(Double(self.request.steps) * self.strength) == 0 {
      warnings.append(
        "strength: \(self.strength) of \(self.request.steps) steps is less than one step, so the prompt "
          + "does nothing; choose more of either")
    }
    return warnings
  }
}
