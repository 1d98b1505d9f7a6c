public import AudioIO
import Diffusion
public import Spectrogram

/// Text to audio: a diffusion model paints a spectrogram, phase recovery makes it sound.
///
/// Fields are those of `GenerateRequest` in `riff.proto`, where their units and ranges stand; what
/// is `nil` takes the model's own setting.
public struct GenerateJob: Job {
  public var prompt: String
  public var negativePrompt = ""
  public var model = ""
  public var seed: UInt64?
  public var steps: Int?
  public var guidanceScale: Double?
  public var scheduler = ""
  public var eta: Double?
  public var promptWeighting = true
  /// Each once; the model's own besides, unless they are named here.
  public var loras: [LoRAUse] = []
  public var width: Int?
  public var height: Int?
  public var durationSeconds: Double?
  /// Beats a minute that the windows of a long piece begin on; nil: as the prompt says, else as the first
  /// window has it.
  public var bpm: Double?
  public var wantSpectrogram = false
  /// What the sound is sent as; `nil`: no sound, the spectrogram only.
  public var output: OutputFormat? = .oggOpus(bitrate: nil)
  /// Seconds that the model stays in memory after the job, 0 or more; nil: as the studio keeps models.
  public var keepAliveSeconds: Double?
  /// How much work goes into the sound.
  public var quality = RecoveryQuality.normal
  /// Over which the sound fades in at its beginning and out at its end; as `RequestLimits` says.
  public var fadeMilliseconds = 0

  /// Denoising steps where neither request nor model says, as in diffusers' pipeline.
  public static let defaultSteps = 50
  /// Guidance scale where neither request nor model says, as in diffusers' pipeline.
  public static let defaultGuidanceScale = 7.5
  /// Widest picture where a model does not say otherwise, in pixels.
  public static let defaultMaxWidth = 4_096

  public init(prompt: String) {
    self.prompt = prompt
  }

  var method: String { "Generate" }
  var title: String { self.prompt }

  func check(_ faults: inout RequestFaults, in studio: Studio) {
    if !self.prompt.contains(where: { !$0.isWhitespace }) {
      faults.add("prompt", "prompt must not be empty: say in a few words what to play")
    }
    faults.check("prompt", self.prompt, atMost: RequestLimits.promptBytes)
    faults.check("negative_prompt", self.negativePrompt, atMost: RequestLimits.promptBytes)
    _ = faults.value(or: nil) { () throws(JobError) in
      try studio.catalog.model(named: self.model)
    }
    faults.check("steps", self.steps, RequestLimits.steps)
    faults.check("guidance_scale", self.guidanceScale, RequestLimits.guidanceScale)
    faults.check("eta", self.eta, RequestLimits.eta)
    faults.check(self.loras, studio.loras)
    faults.checkKeepAlive(self.keepAliveSeconds)
    _ = faults.value(or: nil) { () throws(JobError) in try self.schedulerName() }
    faults.check("width", self.width, RequestLimits.width)
    faults.check("height", self.height, RequestLimits.height)
    if let durationSeconds {
      if self.width != nil {
        faults.add(
          "duration_seconds", "width and duration_seconds exclude each other: give one of them")
      }
      // Written so that NaN fails.
      if !(durationSeconds > 0 && durationSeconds < .infinity) {
        faults.add("duration_seconds", "duration_seconds must be above 0, not \(durationSeconds)")
      }
    }
    faults.check("bpm", self.bpm, RequestLimits.bpm)
    self.output?.check(&faults)
    faults.check("fade_ms", self.fadeMilliseconds, RequestLimits.fadeMilliseconds)
  }

  /// The scheduler that is asked for; nil: the checkpoint's own.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument` that lists the names there are.
  func schedulerName() throws(JobError) -> SchedulerName? {
    guard !self.scheduler.isEmpty else { return nil }
    guard let name = SchedulerName(rawValue: self.scheduler) else {
      let names = SchedulerName.allCases.map(\.rawValue).joined(separator: ", ")
      throw JobError(
        .invalidArgument(field: "scheduler"),
        "no scheduler is named “\(self.scheduler.prefix(100))”; there are: \(names)")
    }
    return name
  }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    try Painting(job: self).run(context, in: studio)
  }
}
