package import Diffusion
package import Spectrogram

/// The size of the picture that a request asks for, and how much of its sound is wanted.
package struct PictureSize: Equatable {
  /// Pixels.
  package var width: Int
  /// Pixels.
  package var height: Int
  /// Sample frames at 48 kHz.
  package var sampleCount: Int
  /// Whether the width is the source picture's own, rounded down, rather than asked for.
  package var isSourceWidth = false
  /// Whether it is wider than what the model paints at once: its windows are painted one after another.
  package var isPaintedInWindows = false
  /// How fast its columns are played; nil: at the model's own step.
  package var pace: ColumnPace?

  /// - Throws: ``JobError`` of kind `invalidArgument` that names `width`, `height`,
  ///   `duration_seconds` or `bars`.
  package init(_ job: GenerateJob, card: ModelCard, info: DiffusionModelInfo) throws(JobError) {
    try self.init(job, source: nil, card: card, info: info)
  }

  /// The size for a remix, which without wishes is the source's.
  init(
    _ job: GenerateJob, source: RemixSource?, card: ModelCard, info: DiffusionModelInfo
  ) throws(JobError) {
    let own = try source?.naturalSize(card: card, info: info)
    let step = card.spectrogram.stepMilliseconds
    let maxWidth = card.defaults.maxWidth ?? GenerateJob.defaultMaxWidth
    self.height = job.height ?? own?.height ?? card.defaults.height ?? info.defaultHeight
    try Self.check(
      "height", self.height, multiple: info.heightMultiple, limit: RequestLimits.height.upperBound)

    let longest = maxWidth / info.widthMultiple * info.widthMultiple
    if let bars = job.bars, let bpm = job.bpm {
      let seconds = Double(4 * bars) * 60 / bpm
      let count = (seconds * Double(SoundStage.sampleRate)).rounded()
      let latents = SoundStage.sampleCount(columns: info.widthMultiple, stepMilliseconds: step)
      let columns = max(1, (count / Double(latents)).rounded()) * Double(info.widthMultiple)
      self.isPaintedInWindows = columns > Double(longest)
      // A circle is one picture.
      guard !self.isPaintedInWindows || !job.loop && RequestLimits.isDuration(seconds) else {
        let limit =
          job.loop ? Double(longest * step) / 1_000 : RequestLimits.durationSeconds
        throw JobError(
          .invalidArgument(field: "bars"),
          "bars must be at most \(Int(limit * bpm / 240)) at \(bpm) beats a minute"
            + (job.loop ? " for a loop of this model" : "") + ", not \(bars)")
      }
      self.width = Int(columns)
      self.sampleCount = Int(count)
      self.pace = ColumnPace(columns: self.width, samples: self.sampleCount)
    } else if let seconds = job.durationSeconds {
      guard job.width == nil else {
        throw JobError(
          .invalidArgument(field: "duration_seconds"),
          "width and duration_seconds exclude each other; give one of them")
      }
      // Rounding must not turn an exact number of columns into one more. NaN and infinity fail
      // here, before they become integers.
      let columns = (seconds * 1_000 / Double(step) - 1e-6).rounded(.up)
      self.isPaintedInWindows = columns > Double(longest)
      // What is painted over, and a circle, is one picture.
      let isOne = source != nil || job.loop
      guard seconds > 0, !self.isPaintedInWindows || !isOne && RequestLimits.isDuration(seconds)
      else {
        let most = isOne ? Double(longest * step) / 1_000 : RequestLimits.durationSeconds
        throw JobError(
          .invalidArgument(field: "duration_seconds"),
          "duration_seconds must be above 0 and at most \(most)"
            + (isOne ? " for \(job.loop ? "a loop of" : "one window of") this model" : "")
            + ", not \(seconds)")
      }
      let multiple = info.widthMultiple
      if job.loop {
        // Whole latent columns, as many as come nearest.
        let latents = (seconds * 1_000 / Double(step * multiple)).rounded()
        self.width = max(1, Int(latents)) * multiple
        self.sampleCount = SoundStage.sampleCount(columns: self.width, stepMilliseconds: step)
        return
      }
      self.width = (max(Int(columns), 1) + multiple - 1) / multiple * multiple
      self.sampleCount = Int((seconds * Double(SoundStage.sampleRate)).rounded())
      guard self.sampleCount > 0 else {
        throw JobError(
          .invalidArgument(field: "duration_seconds"),
          "duration_seconds must be at least one sample, not \(seconds)")
      }
    } else {
      self.isSourceWidth = job.width == nil && (own.map { $0.width <= longest } ?? false)
      self.width =
        job.width ?? own.map { min($0.width, longest) } ?? card.defaults.width
        ?? info.defaultWidth
      try Self.check("width", self.width, multiple: info.widthMultiple, limit: maxWidth)
      self.sampleCount = SoundStage.sampleCount(columns: self.width, stepMilliseconds: step)
    }
  }

  private static func check(
    _ field: String, _ value: Int, multiple: Int, limit: Int
  ) throws(JobError) {
    guard value > 0, value <= limit, value % multiple == 0 else {
      let near = max(multiple, min((value + multiple / 2) / multiple, limit / multiple) * multiple)
      throw JobError(
        .invalidArgument(field: field),
        "\(field) must be a multiple of \(multiple) up to \(limit) for this model, such as \(near), "
          + "not \(value)")
    }
  }
}
