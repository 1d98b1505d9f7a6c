import AudioIO
import Riff
import RiffProtocol
import Spectrogram

// Translations note in `faults` what has no meaning here; what is out of range the jobs note themselves.

extension GenerateJob {
  init(_ request: Riff_V1_GenerateRequest, _ faults: inout RequestFaults) {
    self.init(prompt: request.prompt)
    self.loras = request.loras.map { LoRAUse($0.name, weight: $0.hasWeight ? $0.weight : 1) }
    self.negativePrompt = request.negativePrompt
    self.model = request.model
    self.seed = request.hasSeed ? request.seed : nil
    self.steps = request.hasSteps ? Int(request.steps) : nil
    self.guidanceScale = request.hasGuidanceScale ? Double(request.guidanceScale) : nil
    self.guidanceStart = request.hasGuidanceStart ? request.guidanceStart : nil
    self.guidanceStop = request.hasGuidanceStop ? request.guidanceStop : nil
    self.deepCacheInterval =
      request.hasDeepCacheInterval ? Int(request.deepCacheInterval) : nil
    self.scheduler = request.scheduler
    self.width = request.hasWidth ? Int(request.width) : nil
    self.height = request.hasHeight ? Int(request.height) : nil
    self.durationSeconds = request.hasDurationSeconds ? request.durationSeconds : nil
    self.bpm = request.hasBpm ? request.bpm : nil
    self.bars = request.hasBars ? Int(request.bars) : nil
    self.loop = request.loop
    self.wantSpectrogram = request.wantSpectrogram
    self.output = faults.value(or: nil) { () throws(JobError) in
      try OutputFormat.requested(
        request.output, opus: request.opus, mp3: request.mp3, samples: request.sampleFormat)
    }
    self.fadeMilliseconds = request.hasFadeMs ? Int(request.fadeMs) : 0
    self.quality = RecoveryQuality(request.quality, &faults)
    self.eta = request.hasEta ? request.eta : nil
    self.keepAliveSeconds = request.hasKeepAliveSeconds ? request.keepAliveSeconds : nil
    self.promptWeighting = request.hasPromptWeighting ? request.promptWeighting : true
    var words = self.prompt
    self.takeTags(from: &words, "prompt", &faults)
    self.prompt = words
  }
}

extension GenerateJob {
  /// Takes the tags `<lora:NAME:WEIGHT>` out of a prompt, where brackets are not plain text.
  mutating func takeTags(
    from prompt: inout String, _ field: String, _ faults: inout RequestFaults
  ) {
    guard self.promptWeighting else { return }
    let tags = LoRATags(prompt)
    guard !tags.isEmpty else { return }
    prompt = tags.prompt
    self.loras += tags.loras
    for tag in tags.unreadable {
      faults.add(
        field,
        "\(field) must name a LoRA as <lora:NAME:WEIGHT>, which “\(tag.prefix(100))” does not")
    }
  }
}

extension RemixJob {
  init(_ options: Riff_V1_RemixOptions, file: Upload, _ faults: inout RequestFaults) {
    self.init(GenerateJob(options.generate, &faults), file: file)
    self.fileName = options.fileName
    if options.hasStrength { self.strength = options.strength }
    if options.hasStartSeconds { self.startSeconds = options.startSeconds }
    if options.hasSpan {
      self.span = Span(
        startSeconds: options.span.startSeconds,
        durationSeconds: options.span.hasDurationSeconds ? options.span.durationSeconds : nil)
    }
    switch options.keep {
    case .unspecified, .groove: self.keepsGroove = true
    case .nothing: self.keepsGroove = false
    case .UNRECOGNIZED(let value):
      faults.add("keep", "keep must be one that this daemon has, not \(value)")
    }
    if options.hasStretchToBpm { self.stretchToBPM = options.stretchToBpm }
    if options.hasKeepBelowHz { self.kept.belowHertz = options.keepBelowHz }
    if options.hasKeepAboveHz { self.kept.aboveHertz = options.keepAboveHz }
    self.kept.times = options.keepTime.map {
      Span(
        startSeconds: $0.startSeconds,
        durationSeconds: $0.hasDurationSeconds ? $0.durationSeconds : nil)
    }
    self.kept.beats = options.keepBeats
    self.extendSeconds = options.hasExtendSeconds ? options.extendSeconds : nil
    self.extendsBefore = options.extendBefore
    self.toPrompt = options.toPrompt
    var words = self.toPrompt
    self.request.takeTags(from: &words, "to_prompt", &faults)
    self.toPrompt = words
    self.mask = Array(options.mask)
    faults.check(fileName: options.fileName)
  }
}

extension MorphJob {
  init(_ options: Riff_V1_MorphOptions, file: Upload, _ faults: inout RequestFaults) {
    if !options.generate.prompt.isEmpty {
      faults.add("generate.prompt", "generate.prompt must be empty: both ends have their own")
    }
    self.init(
      GenerateJob(options.generate, &faults), from: MorphEnd(options.from),
      to: MorphEnd(options.to), file: file)
    var words = (from: self.from.prompt, to: self.to.prompt)
    self.request.takeTags(from: &words.from, "from.prompt", &faults)
    self.request.takeTags(from: &words.to, "to.prompt", &faults)
    (self.from.prompt, self.to.prompt) = words
    self.clips = options.hasClips ? Int(options.clips) : nil
    self.power = options.hasPower ? options.power : nil
    self.alpha = options.hasAlpha ? options.alpha : nil
    self.mask = Array(options.mask)
    self.fileName = options.fileName
    faults.check(fileName: options.fileName)
  }
}

extension MorphEnd {
  init(_ end: Riff_V1_MorphEnd) {
    self.init(end.prompt)
    self.seed = end.hasSeed ? end.seed : nil
    self.guidanceScale = end.hasGuidanceScale ? Double(end.guidanceScale) : nil
    self.strength = end.hasStrength ? end.strength : nil
  }
}

extension JamJob {
  init(_ options: Riff_V1_JamOptions, inbox: JamInbox, _ faults: inout RequestFaults) {
    let request = options.generate
    var prompts = options.prompts.map(WeightedPrompt.init)
    if prompts.isEmpty {
      prompts = [WeightedPrompt(request.prompt)]
    } else if !request.prompt.isEmpty {
      faults.add(
        "generate.prompt", "generate.prompt must be empty where there are prompts with weights")
    }
    self.init(GenerateJob(request, &faults), prompts: prompts, inbox: inbox)
    if options.prompts.isEmpty {
      self.prompts[0].prompt = self.request.prompt
    } else {
      for index in self.prompts.indices {
        var words = self.prompts[index].prompt
        self.request.takeTags(from: &words, "prompts", &faults)
        self.prompts[index].prompt = words
      }
    }
    self.isUnpaced = options.unpaced
  }
}

extension JamChange {
  init(_ change: Riff_V1_JamChange) {
    self.init(id: change.id)
    self.prompts = change.prompts.map(WeightedPrompt.init)
    self.negativePrompt = change.hasNegativePrompt ? change.negativePrompt : nil
    self.guidanceScale = change.hasGuidanceScale ? Double(change.guidanceScale) : nil
    self.seed = change.hasSeed ? change.seed : nil
    self.bpm = change.hasBpm ? change.bpm : nil
    self.strength = change.hasStrength ? change.strength : nil
  }
}

extension WeightedPrompt {
  init(_ prompt: Riff_V1_WeightedPrompt) { self.init(prompt.prompt, weight: prompt.weight) }
}

extension RenderJob {
  init(_ options: Riff_V1_RenderOptions, file: Upload, _ faults: inout RequestFaults) {
    self.init(file: file)
    self.fileName = options.fileName
    self.spectrogram = SpectrogramOverrides(options.spectrogram)
    let output = faults.value(or: self.output) { () throws(JobError) in
      try OutputFormat.requested(
        options.output, opus: options.opus, mp3: options.mp3, samples: options.sampleFormat)
    }
    if let output {
      self.output = output
    } else {
      faults.add("output", "output must not be NONE: Render makes sound")
    }
    self.fadeMilliseconds = options.hasFadeMs ? Int(options.fadeMs) : 0
    self.quality = RecoveryQuality(options.quality, &faults)
    faults.check(fileName: options.fileName)
  }
}

extension AnalyzeJob {
  init(_ options: Riff_V1_AnalyzeOptions, file: Upload, _ faults: inout RequestFaults) {
    self.init(file: file)
    self.fileName = options.fileName
    self.spectrogram = SpectrogramOverrides(options.spectrogram)
    self.startSeconds = options.span.startSeconds
    if options.span.hasDurationSeconds { self.durationSeconds = options.span.durationSeconds }
    faults.check(fileName: options.fileName)
  }
}

extension OutputFormat {
  /// What a request asks for; `nil` where it wants no sound.
  ///
  /// - Throws: ``JobError`` of kind `invalidArgument` that names `output` or `sample_format`.
  static func requested(
    _ output: Riff_V1_OutputFormat, opus: Riff_V1_OpusOptions, mp3: Riff_V1_MP3Options,
    samples: Riff_V1_SampleFormat
  ) throws(JobError) -> OutputFormat? {
    switch output {
    case .unspecified, .oggOpus:
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

extension RecoveryQuality {
  init(_ quality: Riff_V1_Quality, _ faults: inout RequestFaults) {
    switch quality {
    case .unspecified, .normal: self = .normal
    case .draft: self = .draft
    case .best: self = .best
    case .UNRECOGNIZED(let value):
      faults.add("quality", "quality must be one that this daemon has, not \(value)")
      self = .normal
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
