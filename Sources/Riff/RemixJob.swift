import Diffusion
import Provenance
import Spectrogram

/// A clip or a spectrogram picture painted over: img2img as riffusion's `riffuse` does it, or a clip as
/// a whole, window by window (``span``).
public struct RemixJob: UploadJob {
  /// What to make of it. An unset width is the picture's own, or the model's for a clip.
  public var request: GenerateJob
  /// A PNG or JPEG file, or audio as ``AnalyzeJob`` takes it.
  public var file: Upload
  /// The file's name, for what is made to tell.
  public var fileName = ""
  /// How far noise replaces the source, 0 to 1; nil: ``defaultStrength``, or of a span what suits the model
  /// (``ModelCard/Defaults/remixStrength``).
  public var strength: Double?
  /// Where in the clip the window begins, in seconds, 0 or more.
  public var startSeconds = 0.0

  /// The part of a clip to paint over as a whole, window by window; nil: one window. Pictures are one
  /// always.
  public var span: Span?
  /// Of a span: whether the clip's own sound is kept under the model's changes, or the model's pictures
  /// are played.
  public var keepsGroove = true
  /// Of a span: what the prompt has become by its end; empty: the same.
  public var toPrompt = ""
  /// Of one window: a picture file whose black stays, whose white is painted over, whose grey is both
  /// in proportion; empty: all is painted over.
  public var mask: [UInt8] = []

  /// What stays besides.
  public var kept = KeptParts()
  /// Set: the clip stays, and goes on so many seconds behind its end, or before its beginning.
  public var extendSeconds: Double?
  /// Whether what is added comes before the clip.
  public var extendsBefore = false
  /// Of a span, or of a clip that goes on: beats a minute that it is brought to before.
  public var stretchToBPM: Double?

  /// A part of a clip, in seconds.
  public struct Span: Sendable, Equatable {
    /// From the clip's beginning, 0 or more.
    public var startSeconds: Double
    /// Nil: to the end.
    public var durationSeconds: Double?

    /// Without arguments: the whole clip.
    public init(startSeconds: Double = 0, durationSeconds: Double? = nil) {
      self.startSeconds = startSeconds
      self.durationSeconds = durationSeconds
    }
  }

  /// riffusion's, for one window.
  public static let defaultStrength = 0.75
  /// Of a span, for models that do not say: the rhythm stays, the harmony is going, what is asked for is
  /// beginning to be heard. Figures are in the README.
  public static let defaultSpanStrength = 0.6
  static let sizeLimit = RequestLimits.uploadBytes

  /// One window, painted over at riffusion's strength, unless the fields say otherwise.
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
    self.kept.check(&faults)
    faults.check("stretch_to_bpm", self.stretchToBPM, RequestLimits.bpm)
    if self.stretchToBPM != nil, self.span == nil, self.extendSeconds == nil {
      faults.add(
        "stretch_to_bpm", "stretch_to_bpm must be unset without a span: it is of a clip as a whole")
    }
    self.checkExtension(&faults)
    self.checkSpan(&faults)
    faults.check(mask: self.mask)
  }

  func check(beginning bytes: [UInt8]) throws(JobError) {
    if !PictureFormat(detecting: bytes).isPicture { try Self.checkSound(bytes) }
  }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let upload = try UploadNotes(name: self.fileName, self.file)
    let source = try RemixSource(self.file, startSeconds: self.startSeconds, context)
    try context.checkCancellation()
    if let extendSeconds {
      guard case .clip = source else {
        throw JobError(
          .invalidArgument(field: "chunk"), "extend_seconds needs sound: a picture does not go on")
      }
      return try ClipExtension(job: self, seconds: extendSeconds, upload: upload)
        .run(context, in: studio)
    }
    if let span {
      if case .clip = source {
        return try ClipRemix(job: self, span: span, upload: upload).run(context, in: studio)
      }
      try context.send(
        .warning("a picture has no groove to keep; it is painted over as one window"))
    }
    var painting = Painting(
      job: self.request, source: source, upload: upload,
      strength: self.strength ?? Self.defaultStrength)
    painting.startSeconds = self.startSeconds
    painting.mask = try Self.keepMask(self.mask)
    if !self.mask.isEmpty { painting.maskFingerprint = Fingerprint(of: self.mask) }
    painting.kept = self.kept
    return try painting.run(context, in: studio)
  }

  private func checkSpan(_ faults: inout RequestFaults) {
    self.request.refuseLoop(only: ["bars"], &faults, "an upload has a length of its own")
    if self.span != nil {
      self.request.refuseLoop(only: ["loop"], &faults, "a clip as a whole has an end of its own")
    }
    guard let span else {
      if !self.toPrompt.isEmpty {
        faults.add("to_prompt", "to_prompt must be empty without a span")
      }
      return
    }
    faults.checkStart("span.start_seconds", span.startSeconds)
    // Written so that NaN fails.
    if let duration = span.durationSeconds, !(duration > 0 && duration <= ClipRemix.longest) {
      faults.add(
        "span.duration_seconds",
        "span.duration_seconds must be above 0 and at most \(Int(ClipRemix.longest)), not \(duration)"
      )
    }
    if let duration = span.durationSeconds {
      do throws(JobError) {
        try self.request.checkPicture(seconds: duration)
      } catch {
        faults.add(error.field ?? "span", error.message)
      }
    }
    faults.check("to_prompt", self.toPrompt, atMost: RequestLimits.promptBytes)
    if !self.mask.isEmpty, self.extendSeconds == nil {
      faults.add("mask", "mask must be empty with a span")
    }
    if self.request.durationSeconds != nil, self.extendSeconds == nil {
      faults.add(
        "duration_seconds", "duration_seconds must be unset with a span, which has its own")
    }
  }

  private func checkExtension(_ faults: inout RequestFaults) {
    guard let extendSeconds else {
      if self.extendsBefore {
        faults.add("extend_before", "extend_before must be unset without extend_seconds")
      }
      return
    }
    // Written so that NaN fails.
    if !RequestLimits.isDuration(extendSeconds) {
      faults.add(
        "extend_seconds",
        "extend_seconds must be above 0 and at most \(Int(RequestLimits.durationSeconds)), not "
          + "\(extendSeconds)")
    }
    do throws(JobError) {
      try self.request.checkPicture(seconds: extendSeconds)
    } catch {
      faults.add(error.field ?? "extend_seconds", error.message)
    }
    self.request.refuseLoop(only: ["loop"], &faults, "a clip that goes on has an end of its own")
    for (field, isSet) in [
      ("span.duration_seconds", self.span?.durationSeconds != nil), ("mask", !self.mask.isEmpty),
      ("to_prompt", !self.toPrompt.isEmpty), ("width", self.request.width != nil),
      ("duration_seconds", self.request.durationSeconds != nil),
    ] where isSet {
      faults.add(field, "\(field) must be unset: the clip stays as it is, and goes on")
    }
    for field in self.kept.fields {
      faults.add(field, "\(field) must be unset: with extend_seconds all of the clip stays")
    }
  }

  /// A mask's file, taken as riffusion takes it; nil of none.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument`.
  static func keepMask(_ file: [UInt8]) throws(JobError) -> KeepMask? {
    guard !file.isEmpty else { return nil }
    let image: RasterImage
    do {
      image = try SpectrogramPicture(file: file).image
    } catch {
      throw JobError(.invalidArgument(field: "mask"), "mask: \(error.message)")
    }
    return KeepMask(
      image,
      noising: .takenStep)
  }
}
