import Riff
import RiffProtocol
import Spectrogram

extension GenerateJob {
  /// - Throws: ``JobError`` of kind `invalidArgument`.
  init(_ request: Riff_V1_GenerateRequest) throws(JobError) {
    self.init(prompt: request.prompt)
    self.negativePrompt = request.negativePrompt
    self.model = request.model
    self.seed = request.hasSeed ? request.seed : nil
    self.steps = request.hasSteps ? Int(request.steps) : nil
    self.guidanceScale = request.hasGuidanceScale ? Double(request.guidanceScale) : nil
    self.scheduler = request.scheduler
    self.width = request.hasWidth ? Int(request.width) : nil
    self.height = request.hasHeight ? Int(request.height) : nil
    self.durationSeconds = request.hasDurationSeconds ? request.durationSeconds : nil
    self.wantSpectrogram = request.wantSpectrogram
    self.output = try OutputFormat(request.output, request.opus)
    self.quality = try RecoveryQuality(request.quality)
    self.eta = request.hasEta ? request.eta : nil
    self.promptWeighting = request.hasPromptWeighting ? request.promptWeighting : true
  }
}

extension RemixJob {
  /// - Throws: ``JobError`` of kind `invalidArgument`.
  init(_ options: Riff_V1_RemixOptions, file: [UInt8]) throws(JobError) {
    self.init(try GenerateJob(options.generate), file: file)
    if options.hasStrength { self.strength = options.strength }
  }
}

extension RenderJob {
  /// - Throws: ``JobError`` of kind `invalidArgument`.
  init(_ options: Riff_V1_RenderOptions, file: [UInt8]) throws(JobError) {
    self.init(file: file)
    self.spectrogram = SpectrogramOverrides(options.spectrogram)
    self.output = try OutputFormat(options.output, options.opus)
    self.quality = try RecoveryQuality(options.quality)
  }
}

extension AnalyzeJob {
  init(_ options: Riff_V1_AnalyzeOptions, file: [UInt8]) {
    self.init(file: file)
    self.spectrogram = SpectrogramOverrides(options.spectrogram)
  }
}

extension OutputFormat {
  /// - Throws: ``JobError`` of kind `invalidArgument` that names `output` or `opus.bitrate`.
  init(_ output: Riff_V1_OutputFormat, _ opus: Riff_V1_OpusOptions) throws(JobError) {
    switch output {
    case .unspecified, .oggOpus:
      if opus.hasBitrate, !(6_000...510_000).contains(opus.bitrate) {
        throw JobError(
          .invalidArgument(field: "opus.bitrate"),
          "\(opus.bitrate) bit/s; right is 6000 to 510000")
      }
      self = .oggOpus(bitrate: opus.hasBitrate ? Int(opus.bitrate) : nil)
    case .pcmF32: self = .pcmFloat32
    case .pcmS24: self = .pcmSigned24
    case .none: self = .none
    case .wav, .flac, .mp3, .UNRECOGNIZED:
      throw JobError(
        .invalidArgument(field: "output"),
        "this daemon has no output format \(output.rawValue)")
    }
  }
}

extension RecoveryQuality {
  /// - Throws: ``JobError`` of kind `invalidArgument` that names `quality`.
  init(_ quality: Riff_V1_Quality) throws(JobError) {
    switch quality {
    case .unspecified, .normal: self = .normal
    case .draft: self = .draft
    case .best: self = .best
    case .UNRECOGNIZED(let value):
      throw JobError(
        .invalidArgument(field: "quality"), "\(value) is no quality of this daemon")
    }
  }
}

extension SpectrogramOverrides {
  init(_ options: Riff_V1_SpectrogramOptions) {
    self.init()
    self.sampleRate = options.hasSampleRate ? Int(options.sampleRate) : nil
    self.stereo = options.hasStereo ? options.stereo : nil
    self.stepMilliseconds = options.hasStepMs ? Int(options.stepMs) : nil
    self.windowMilliseconds = options.hasWindowMs ? Int(options.windowMs) : nil
    self.paddedMilliseconds = options.hasPaddedMs ? Int(options.paddedMs) : nil
    self.melBins = options.hasMelBins ? Int(options.melBins) : nil
    self.minFrequency = options.hasMinFrequency ? Int(options.minFrequency) : nil
    self.maxFrequency = options.hasMaxFrequency ? Int(options.maxFrequency) : nil
    self.power = options.hasPower ? options.power : nil
    self.maximum = options.hasMaximum ? options.maximum : nil
  }
}
