import AudioIO
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
    self.output = try OutputFormat.requested(
      request.output, opus: request.opus, mp3: request.mp3, samples: request.sampleFormat)
    self.fadeMilliseconds = try Self.fade(request.hasFadeMs, request.fadeMs)
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
    guard
      let output = try OutputFormat.requested(
        options.output, opus: options.opus, mp3: options.mp3, samples: options.sampleFormat)
    else {
      throw JobError(
        .invalidArgument(field: "output"), "output must not be NONE: Render makes sound")
    }
    self.output = output
    self.fadeMilliseconds = try GenerateJob.fade(options.hasFadeMs, options.fadeMs)
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
  /// What a request asks for; `nil` where it wants no sound.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument` that names `output`, `opus.bitrate`,
  ///   `mp3.bitrate` or `sample_format`.
  static func requested(
    _ output: Riff_V1_OutputFormat, opus: Riff_V1_OpusOptions, mp3: Riff_V1_MP3Options,
    samples: Riff_V1_SampleFormat
  ) throws(JobError) -> OutputFormat? {
    switch output {
    case .unspecified, .oggOpus:
      guard !opus.hasBitrate || (6_000...510_000).contains(opus.bitrate) else {
        throw JobError(
          .invalidArgument(field: "opus.bitrate"),
          "opus.bitrate must be 6000 to 510000 bits per second, not \(opus.bitrate)")
      }
      return .oggOpus(bitrate: opus.hasBitrate ? Int(opus.bitrate) : nil)
    case .pcmF32: return .pcmFloat32
    case .pcmS24: return .pcmSigned24
    case .wav: return .wav(try SampleFormat(samples) ?? .float32)
    case .flac:
      let format = try SampleFormat(samples) ?? .signed24
      guard format != .float32 else {
        throw JobError(
          .invalidArgument(field: "sample_format"),
          "sample_format must be S16 or S24 for FLAC, which has no floats")
      }
      return .flac(format)
    case .mp3:
      guard !mp3.hasBitrate || MP3Encoder.bitrates.contains(Int(mp3.bitrate)) else {
        let rates = MP3Encoder.bitrates.map(String.init).joined(separator: ", ")
        throw JobError(
          .invalidArgument(field: "mp3.bitrate"),
          "mp3.bitrate must be one of \(rates), not \(mp3.bitrate)")
      }
      return .mp3(bitrate: mp3.hasBitrate ? Int(mp3.bitrate) : nil)
    case .none: return nil
    case .UNRECOGNIZED(let value):
      throw JobError(
        .invalidArgument(field: "output"),
        "output must be a format that this daemon has, not \(value)")
    }
  }
}

extension SampleFormat {
  /// `nil` for the output's own.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument` that names `sample_format`.
  init?(_ format: Riff_V1_SampleFormat) throws(JobError) {
    switch format {
    case .unspecified: return nil
    case .s16: self = .signed16
    case .s24: self = .signed24
    case .f32: self = .float32
    case .UNRECOGNIZED(let value):
      throw JobError(
        .invalidArgument(field: "sample_format"),
        "sample_format must be one that this daemon has, not \(value)")
    }
  }
}

extension GenerateJob {
  /// - Throws: ``JobError`` of kind `invalidArgument` that names `fade_ms`.
  fileprivate static func fade(_ isSet: Bool, _ milliseconds: UInt32) throws(JobError) -> Int {
    guard isSet else { return 0 }
    guard milliseconds <= UInt32(Self.longestFade) else {
      throw JobError(
        .invalidArgument(field: "fade_ms"),
        "fade_ms must be 0 to \(Self.longestFade), not \(milliseconds)")
    }
    return Int(milliseconds)
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
