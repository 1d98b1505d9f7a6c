import Diffusion
public import Spectrogram

/// What a model is and takes, for whoever chooses among them.
public struct ModelDescription: Sendable {
  /// As requests name it.
  public var name: String
  /// The folder that its files lie in, or its file.
  public var path: String
  /// Whether its files were open already.
  public var isLoaded: Bool
  /// Bytes that its weights take in memory now.
  public var residentBytes = 0
  /// What it takes, or why it cannot be used.
  public var details: Result<Details, JobError>

  /// What a usable model takes where a request says nothing, and within which limits.
  public struct Details: Sendable {
    /// What its folder says of it, or its classes.
    public var summary: String
    /// Pixels.
    public var defaultWidth: Int
    /// Pixels; mel bins.
    public var defaultHeight: Int
    /// Pixels that a width must be a multiple of.
    public var widthMultiple: Int
    /// Pixels that a height must be a multiple of.
    public var heightMultiple: Int
    /// Pixels of the widest picture that may be asked for.
    public var maxWidth: Int
    /// Denoising steps, 1 to 1,000.
    public var defaultSteps: Int
    /// 0 to 100; 1 or less: none.
    public var defaultGuidanceScale: Double
    /// Where guidance begins, as a share of the steps, 0 to 1.
    public var defaultGuidanceStart: Double
    /// Where it ends, above ``defaultGuidanceStart`` and at most 1.
    public var defaultGuidanceStop: Double
    /// How far a remix of a clip as a whole paints it over where nothing else is asked for.
    public var remixStrength: Double
    /// Sampler names; the first is the default.
    public var schedulers: [String]
    /// How its pictures map to sound.
    public var spectrogram: SpectrogramParameters
    /// Mel amplitude of the darkest pixel, on the 16-bit scale.
    public var maximum: Double
    /// 16 hex digits that tell it from others.
    public var fingerprint: String
    /// Warnings about ignored keys in its files, a sentence each.
    public var warnings: [String]
    /// What its U-Net is computed in.
    public var precision: PrecisionChoice
    /// LoRAs that its pictures have unless a request says otherwise.
    public var loras: [LoRAUse]

    init(
      card: ModelCard, info: DiffusionModelInfo, precision: Precision, loras: [LoRAUse]
    ) {
      self.precision = PrecisionChoice(precision)
      self.loras = loras
      self.summary =
        card.description.isEmpty
        ? "\(info.pipelineClass), \(info.parameterCount / 1_000_000) million parameters"
        : card.description
      self.defaultWidth = card.defaults.width ?? info.defaultWidth
      self.defaultHeight = card.defaults.height ?? info.defaultHeight
      self.widthMultiple = info.widthMultiple
      self.heightMultiple = info.heightMultiple
      self.maxWidth = card.defaults.maxWidth ?? GenerateJob.defaultMaxWidth
      self.defaultSteps = card.defaults.steps ?? GenerateJob.defaultSteps
      self.defaultGuidanceScale = card.defaults.guidanceScale ?? GenerateJob.defaultGuidanceScale
      self.defaultGuidanceStart = card.defaults.guidanceInterval.start
      self.defaultGuidanceStop = card.defaults.guidanceInterval.stop
      self.remixStrength = card.defaults.remixStrength ?? RemixJob.defaultSpanStrength
      let own = card.defaults.schedulerName ?? info.defaultScheduler
      self.schedulers = ([own] + info.schedulers.filter { $0 != own }).map(\.rawValue)
      self.spectrogram = card.spectrogram
      self.maximum = card.maximum
      self.fingerprint = card.fingerprint(with: info)
      self.warnings = card.warnings + info.warnings
      if !card.timeIDs.isEmpty, card.timeIDs.count != info.timeIDs {
        self.warnings.append(
          "riff.json: time_ids has \(card.timeIDs.count) names, and the U-Net takes \(info.timeIDs) numbers; none "
            + "is told")
      }
    }
  }
}
