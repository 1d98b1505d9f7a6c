/// A clip or a spectrogram picture painted over: img2img as riffusion's `riffuse` does it.
public struct RemixJob: UploadJob {
  /// What to make of it. An unset width is the picture's own, or the model's for a clip.
  public var request: GenerateJob
  /// A PNG or JPEG file, or audio as ``AnalyzeJob`` takes it.
  public var file: Upload
  /// The file's name, for what is made to tell.
  public var fileName = ""
  /// How far noise replaces the source, 0 to 1.
  public var strength = Self.defaultStrength
  /// Where in the clip the window begins, in seconds.
  public var startSeconds = 0.0

  /// riffusion's.
  public static let defaultStrength = 0.75
  static let sizeLimit = RequestLimits.uploadBytes

  public init(_ request: GenerateJob, file: Upload) {
    self.request = request
    self.file = file
  }

  /// A remix of a file in memory.
  public init(_ request: GenerateJob, file: [UInt8]) {
    self.init(request, file: Upload(file))
  }

  var method: String { "Remix" }
  var title: String { self.request.prompt }

  func check(_ faults: inout RequestFaults, in studio: Studio) {
    self.request.check(&faults, in: studio)
    faults.check("strength", self.strength, RequestLimits.strength)
    faults.checkStart("start_seconds", self.startSeconds)
  }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let upload = try UploadNotes(name: self.fileName, self.file)
    let source = try RemixSource(self.file, startSeconds: self.startSeconds)
    try context.checkCancellation()
    var painting = Painting(
      job: self.request, source: source, upload: upload, strength: self.strength)
    painting.startSeconds = self.startSeconds
    return try painting.run(context, in: studio)
  }
}
