import Diffusion
public import Spectrogram

/// What a model is and takes, for whoever chooses among them.
public struct ModelDescription: Sendable {
  public var name: String
  /// The folder that its files lie in.
  public var path: String
  /// Whether its files were open already.
  public var isLoaded: Bool
  /// Bytes that its weights take in memory now.
  public var residentBytes = 0
  /// What it takes, or why it cannot be used.
  public var details: Result<Details, JobError>

  public struct Details: Sendable {
    /// What its folder says of it, or its classes.
    public var summary: String
    /// Pixels.
    public var defaultWidth: Int
    public var defaultHeight: Int
    public var widthMultiple: Int
    public var heightMultiple: Int
    public var maxWidth: Int
    public var defaultSteps: Int
    public var defaultGuidanceScale: Double
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
      let others = info.schedulers.filter { $0 != info.defaultScheduler }
      self.schedulers = ([info.defaultScheduler] + others).map(\.rawValue)
      self.spectrogram = card.spectrogram
      self.maximum = card.maximum
      self.fingerprint = card.fingerprint(with: info)
      self.warnings = card.warnings + info.warnings
    }
  }
}
