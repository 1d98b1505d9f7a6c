package import Diffusion
import Spectrogram

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

  /// - Throws: ``JobError`` of kind `invalidArgument` that names `width`, `height` or
  ///   `duration_seconds`.
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

    if let seconds = job.durationSeconds {
      guard job.width == nil else {
        throw JobError(
          .invalidArgument(field: "duration_seconds"),
          "width and duration_seconds exclude each other; give one of them")
      }
      // Rounding must not turn an exact number of columns into one more. NaN and infinity fail
      // here, before they become integers.
      let columns = (seconds * 1_000 / Double(step) - 1e-6).rounded(.up)
      let longest = maxWidth / info.widthMultiple * info.widthMultiple
      guard seconds > 0, columns <= Double(longest) else {
        throw JobError(
          .invalidArgument(field: "duration_seconds"),
          "duration_seconds must be above 0 and at most \(Double(longest * step) / 1_000) for this "
            + "model, not \(seconds)")
      }
      let multiple = info.widthMultiple
      self.width = (max(Int(columns), 1) + multiple - 1) / multiple * multiple
      self.sampleCount = Int((seconds * Double(SoundStage.sampleRate)).rounded())
      guard self.sampleCount > 0 else {
        throw JobError(
          .invalidArgument(field: "duration_seconds"),
          "duration_seconds must be at least one sample, not \(seconds)")
      }
    } else {
      let longest = maxWidth / info.widthMultiple * info.widthMultiple
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
