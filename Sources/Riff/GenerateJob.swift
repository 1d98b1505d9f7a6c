public import AudioIO
import Diffusion
public import Spectrogram

/// Text to audio: a diffusion model paints a spectrogram, phase recovery makes it sound.
///
/// Fields are those of `GenerateRequest` in `riff.proto`, where their units and ranges stand; what
/// is `nil` takes the model's own setting.
public struct GenerateJob: Job {
  /// 1 to 8,192 bytes of UTF-8, not only white space; `(word:1.3)` and `[word]` weigh.
  public var prompt: String
  /// At most 8,192 bytes of UTF-8; heeded where the guidance scale is above 1.
  public var negativePrompt = ""
  /// A name from ``Studio/models()``; empty: the default.
  public var model = ""
  /// Nil: drawn at random, and told by ``JobEvent/started(_:)``.
  public var seed: UInt64?
  /// 1 to 1,000, and no more than the model was trained with.
  public var steps: Int?
  /// 0 to 100; 1 or less: none.
  public var guidanceScale: Double?
  /// Where guidance begins, as a share of the steps, 0 to 1; nil: at the first, or as the model has it where
  /// ``guidanceStop`` is nil, too, and there is no picture or clip to begin from.
  public var guidanceStart: Double?
  /// Where it ends, above ``guidanceStart`` and at most 1; nil: after the last step, or as the model has it.
  public var guidanceStop: Double?
  /// Only every so manieth step runs the U-Net's deep layers, 1 to 100; nil: 1.
  public var deepCacheInterval: Int?
  /// A sampler's name, as `riff.proto` lists them; empty: the model's own.
  public var scheduler = ""
  /// Share of fresh noise in `ddim`'s steps, 0 to 1; nil: 0.
  public var eta: Double?
  /// Whether brackets weigh words and long prompts are read in parts.
  public var promptWeighting = true
  /// Each once; the model's own besides, unless they are named here.
  public var loras: [LoRAUse] = []
  /// Columns of the picture, a multiple of the model's; not together with ``durationSeconds``.
  public var width: Int?
  /// Rows of the picture, a multiple of the model's, at most 4,096.
  public var height: Int?
  /// Above 0, at most an hour; the sound is trimmed to it, the picture is a little wider.
  public var durationSeconds: Double?
  /// Beats a minute. The prompt is read as if it named them, models are told which take them as a number, and the
  /// windows of a long piece begin on them; nil: as the prompt says, else as the first window has it.
  public var bpm: Double?
  /// Length in bars of four beats of ``bpm``.
  public var bars: Int?
  /// Whether the piece joins its own beginning.
  public var loop = false
  /// Whether the picture is sent, before the sound that is made of it.
  public var wantSpectrogram = false
  /// What the sound is sent as; `nil`: no sound, the spectrogram only.
  public var output: OutputFormat? = .oggOpus(bitrate: nil)
  /// Seconds that the model stays in memory after the job, 0 or more; nil: as the studio keeps models.
  public var keepAliveSeconds: Double?
  /// How much work goes into the sound.
  public var quality = RecoveryQuality.normal
  /// Over which the sound fades in at its beginning and out at its end, 0 to 10,000.
  public var fadeMilliseconds = 0

  /// Denoising steps where neither request nor model says, as in diffusers' pipeline.
  public static let defaultSteps = 50
  /// Guidance scale where neither request nor model says, as in diffusers' pipeline.
  public static let defaultGuidanceScale = 7.5
  /// Widest picture where a model does not say otherwise, in pixels.
  public static let defaultMaxWidth = 4_096

  /// Everything else is the model's own, as Ogg Opus.
  public init(prompt: String) {
    self.prompt = prompt
  }

  /// The steps with guidance that are asked for; nil: the model's own.
  var guidanceInterval: GuidanceInterval? {
    guard self.guidanceStart != nil || self.guidanceStop != nil else { return nil }
    return GuidanceInterval(start: self.guidanceStart ?? 0, stop: self.guidanceStop ?? 1)
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
    self.checkGuidanceInterval(&faults)
    faults.check(
      "deep_cache_interval", self.deepCacheInterval, RequestLimits.deepCacheInterval)
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
      if !RequestLimits.isDuration(durationSeconds) {
        faults.add(
          "duration_seconds",
          "duration_seconds must be above 0 and at most \(Int(RequestLimits.durationSeconds)), "
            + "not \(durationSeconds)")
      }
    }
    faults.check("bpm", self.bpm, RequestLimits.bpm)
    self.checkBars(&faults)
    if self.loop, self.fadeMilliseconds > 0 {
      faults.add("fade_ms", "fade_ms must be unset: a loop has neither beginning nor end")
    }
    self.output?.check(&faults)
    faults.check("fade_ms", self.fadeMilliseconds, RequestLimits.fadeMilliseconds)
  }

  /// Refuses more seconds than a picture shows, if one is wanted: before anything is painted.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument`.
  func checkPicture(seconds: Double) throws(JobError) {
    guard let field = self.pictureField, seconds > RequestLimits.pictureSeconds else { return }
    throw JobError(
      .invalidArgument(field: field),
      "\(field): a picture shows at most \(Int(RequestLimits.pictureSeconds)) s, and this would be "
        + "\(Int(seconds.rounded(.up))); ask for less, or for the sound alone")
  }

  /// What asks for a picture; nil: none is wanted.
  var pictureField: String? {
    self.wantSpectrogram ? "want_spectrogram" : self.output == nil ? "output" : nil
  }

  private func checkGuidanceInterval(_ faults: inout RequestFaults) {
    let shares = RequestLimits.guidanceShares
    faults.check("guidance_start", self.guidanceStart, shares)
    faults.check("guidance_stop", self.guidanceStop, shares)
    if let interval = self.guidanceInterval, shares.contains(interval.start),
      shares.contains(interval.stop), interval.stop <= interval.start
    {
      faults.add(
        self.guidanceStop == nil ? "guidance_start" : "guidance_stop",
        "guidance_stop must be above guidance_start, not \(interval.stop) and \(interval.start)")
    }
  }

  private func checkBars(_ faults: inout RequestFaults) {
    guard let bars else { return }
    faults.check("bars", bars, RequestLimits.bars)
    if self.bpm == nil {
      faults.add("bars", "bars needs bpm: without a tempo a bar has no length")
    }
    if self.width != nil || self.durationSeconds != nil {
      faults.add("bars", "bars excludes width and duration_seconds: give one of them")
    }
  }

  /// Notes `loop` and `bars`, where they have no meaning; `reason` says why.
  func refuseLoop(
    only fields: Set<String> = ["loop", "bars"], _ faults: inout RequestFaults, _ reason: String
  ) {
    for (field, isSet) in [("loop", self.loop), ("bars", self.bars != nil)]
    where isSet && fields.contains(field) {
      faults.add(field, "\(field) must be unset: \(reason)")
    }
  }

  /// The scheduler that is asked for; nil: the checkpoint's own.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument` that lists the names there are.
  func schedulerName() throws(JobError) -> SchedulerName? {
    guard !self.scheduler.isEmpty else { return nil }
    guard let name = SchedulerName(rawValue: self.scheduler) else {
      throw JobError(
        .invalidArgument(field: "scheduler"),
        "no scheduler is named “\(self.scheduler.prefix(100))”; there are: \(SchedulerName.allNames)"
      )
    }
    return name
  }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    try Painting(job: self).run(context, in: studio)
  }
}

extension SchedulerName {
  /// For messages.
  static let allNames = SchedulerName.allCases.map(\.rawValue).joined(separator: ", ")
}
