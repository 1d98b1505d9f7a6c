/// A clip or a spectrogram picture painted over: img2img as riffusion's `riffuse` does it.
public struct RemixJob: Job {
  /// What to make of it. An unset width is the picture's own, or the model's for a clip.
  public var request: GenerateJob
  /// A PNG or JPEG file, or audio as ``AnalyzeJob`` takes it.
  public var file: [UInt8]
  /// How far noise replaces the source, 0 to 1.
  public var strength = Self.defaultStrength

  /// riffusion's.
  public static let defaultStrength = 0.75
  /// Largest upload, in bytes.
  public static let sizeLimit = AnalyzeJob.sizeLimit

  public init(_ request: GenerateJob, file: [UInt8]) {
    self.request = request
    self.file = file
  }

  var method: String { "Remix" }
  var title: String { self.request.prompt }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    // Written so that NaN fails.
    guard self.strength >= 0, self.strength <= 1 else {
      throw JobError(
        .invalidArgument(field: "strength"), "\(self.strength); right is 0 (keep) to 1 (replace)")
    }
    let source = try RemixSource(self.file)
    try context.checkCancellation()
    return try Painting(job: self.request, source: source, strength: self.strength)
      .run(context, in: studio)
  }
}
