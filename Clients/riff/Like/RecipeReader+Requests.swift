import RiffProtocol
import SwiftProtobuf

// What settings say, as the requests that have them.

extension Riff_V1_GenerateRequest {
  init(_ settings: inout RecipeReader) throws {
    self.init()
    self.prompt = settings.text("prompt") ?? ""
    self.negativePrompt = settings.text("negative_prompt") ?? ""
    self.model = settings.text("model") ?? ""
    self.scheduler = settings.text("scheduler") ?? ""
    if let seed = try settings.value("seed", UInt64.init) { self.seed = seed }
    if let steps = try settings.value("steps", UInt32.init) { self.steps = steps }
    if let scale = try settings.value("guidance_scale", Float.init) { self.guidanceScale = scale }
    if let start = try settings.value("guidance_start", Double.init) { self.guidanceStart = start }
    if let stop = try settings.value("guidance_stop", Double.init) { self.guidanceStop = stop }
    if let interval = try settings.value("deep_cache_interval", UInt32.init) {
      self.deepCacheInterval = interval
    }
    if let eta = try settings.value("eta", Double.init) { self.eta = eta }
    if let weighting = try settings.value("prompt_weighting", Bool.init) {
      self.promptWeighting = weighting
    }
    // The width follows from bars, or a duration.
    let width = try settings.value("width", UInt32.init)
    let seconds = try settings.value("duration_seconds", Double.init)
    if let bars = try settings.value("bars", UInt32.init) {
      self.bars = bars
    } else if let seconds {
      self.durationSeconds = seconds
    } else if let width {
      self.width = width
    }
    if let bpm = try settings.value("bpm", Double.init) { self.bpm = bpm }
    if let loop = try settings.value("loop", Bool.init) { self.loop = loop }
    if let loras = try settings.value("loras", Riff_V1_LoRA.list) { self.loras = loras }
    if let height = try settings.value("height", UInt32.init) { self.height = height }
    if let rate = try settings.value("opus.bitrate", UInt32.init) { self.opus.bitrate = rate }
    if let rate = try settings.value("mp3.bitrate", UInt32.init) { self.mp3.bitrate = rate }
    if let fade = try settings.value("fade_ms", UInt32.init) { self.fadeMs = fade }
    if let format = try settings.value("sample_format", SoundFlags.SampleFormat.init(rawValue:)) {
      self.sampleFormat = format.value
    }
    if let quality = try settings.value("quality", SoundFlags.Quality.init(rawValue:)) {
      self.quality = quality.value
    }
  }
}

extension Riff_V1_RemixOptions {
  init(_ settings: inout RecipeReader) throws {
    self.init()
    self.generate = try Riff_V1_GenerateRequest(&settings)
    self.fileName = settings.text("file_name") ?? ""
    if let strength = try settings.value("strength", Double.init) { self.strength = strength }
    if let start = try settings.value("start_seconds", Double.init) { self.startSeconds = start }
    if let start = try settings.value("span.start_seconds", Double.init) {
      self.span.startSeconds = start
    }
    if let duration = try settings.value("span.duration_seconds", Double.init) {
      self.span.durationSeconds = duration
    }
    if let keep = try settings.value("keep", Riff.Remix.Keep.init(rawValue:)) {
      self.keep = keep.value
    }
    self.toPrompt = settings.text("to_prompt") ?? ""
    if let hertz = try settings.value("keep_below_hz", Double.init) { self.keepBelowHz = hertz }
    if let hertz = try settings.value("keep_above_hz", Double.init) { self.keepAboveHz = hertz }
    if let times = try settings.value("keep_time", Riff_V1_Span.list) { self.keepTime = times }
    self.keepBeats = settings.text("keep_beats") ?? ""
    if let bpm = try settings.value("stretch_to_bpm", Double.init) { self.stretchToBpm = bpm }
    if let seconds = try settings.value("extend_seconds", Double.init) {
      self.extendSeconds = seconds
      // The clip as a whole goes on, and its width follows from that.
      self.span.startSeconds = self.span.startSeconds
      self.generate.clearWidth()
    }
    if let before = try settings.value("extend_before", Bool.init) { self.extendBefore = before }
  }
}

extension Riff_V1_LoRA {
  /// A recipe's “NAME,NAME:WEIGHT”; nil where that cannot be read.
  fileprivate static func list(_ setting: String) -> [Riff_V1_LoRA]? {
    let loras = setting.split(separator: ",").map { text -> Riff_V1_LoRA? in
      let parts = text.split(separator: ":", maxSplits: 1)
      let weight = parts.count == 2 ? Double(parts[1]) : 1
      guard let name = parts.first, let weight else { return nil }
      return .with {
        $0.name = String(name)
        if parts.count == 2 { $0.weight = weight }
      }
    }
    return loras.contains(nil) ? nil : loras.compactMap(\.self)
  }
}

extension Riff_V1_Span {
  /// A recipe's “1.5-2.0,4.0-”, beginnings and ends in seconds; nil where that cannot be read.
  fileprivate static func list(_ setting: String) -> [Riff_V1_Span]? {
    let spans = setting.split(separator: ",").map { text -> Riff_V1_Span? in
      let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
      guard ends.count == 2, let start = Double(ends[0]), ends[1].isEmpty || Double(ends[1]) != nil
      else { return nil }
      return .with {
        $0.startSeconds = start
        if let end = Double(ends[1]) { $0.durationSeconds = end - start }
      }
    }
    return spans.contains(nil) ? nil : spans.compactMap(\.self)
  }
}

extension Riff_V1_MorphOptions {
  init(_ settings: inout RecipeReader) throws {
    self.init()
    self.generate = try Riff_V1_GenerateRequest(&settings)
    // Both ends in one, for people.
    self.generate.prompt = ""
    self.fileName = settings.text("file_name") ?? ""
    self.from = try Riff_V1_MorphEnd("from", &settings)
    self.to = try Riff_V1_MorphEnd("to", &settings)
    if self.generate.hasSeed { self.from.seed = self.generate.seed }
    if let clips = try settings.value("clips", UInt32.init) { self.clips = clips }
    if let power = try settings.value("power", Double.init) { self.power = power }
    if let alpha = try settings.value("alpha", Double.init) {
      self.alpha = alpha
      self.clearClips()
    }
    // Of the ends.
    settings.skip("strength")
  }
}

extension Riff_V1_MorphEnd {
  /// - Parameter name: “from” or “to”.
  init(_ name: String, _ settings: inout RecipeReader) throws {
    self.init()
    self.prompt = settings.text("\(name).prompt") ?? ""
    if let seed = try settings.value("\(name).seed", UInt64.init) { self.seed = seed }
    if let scale = try settings.value("\(name).guidance_scale", Float.init) {
      self.guidanceScale = scale
    }
    if let strength = try settings.value("\(name).strength", Double.init) {
      self.strength = strength
    }
  }
}

extension Riff_V1_JamOptions {
  init(_ settings: inout RecipeReader) throws {
    self.init()
    self.generate = try Riff_V1_GenerateRequest(&settings)
    // A jam has the model's own.
    self.generate.clearWidth()
    while let prompt = settings.text("prompts.\(self.prompts.count).prompt") {
      let weight = try settings.value("prompts.\(self.prompts.count).weight", Double.init)
      self.prompts.append(
        .with {
          $0.prompt = prompt
          $0.weight = weight ?? 1
        })
    }
    if !self.prompts.isEmpty { self.generate.prompt = "" }
  }
}

extension Riff_V1_RenderOptions {
  init(_ settings: inout RecipeReader) throws {
    self.init()
    self.fileName = settings.text("file_name") ?? ""
    if let rate = try settings.value("opus.bitrate", UInt32.init) { self.opus.bitrate = rate }
    if let rate = try settings.value("mp3.bitrate", UInt32.init) { self.mp3.bitrate = rate }
    if let fade = try settings.value("fade_ms", UInt32.init) { self.fadeMs = fade }
    if let format = try settings.value("sample_format", SoundFlags.SampleFormat.init(rawValue:)) {
      self.sampleFormat = format.value
    }
    if let quality = try settings.value("quality", SoundFlags.Quality.init(rawValue:)) {
      self.quality = quality.value
    }
    if let spectrogram = try settings.value(
      "spectrogram", Riff_V1_SpectrogramOptions.init(setting:))
    {
      self.spectrogram = spectrogram
    }
  }
}

extension Riff_V1_AnalyzeOptions {
  init(_ settings: inout RecipeReader) throws {
    self.init()
    if let spectrogram = try settings.value(
      "spectrogram", Riff_V1_SpectrogramOptions.init(analysis:))
    {
      self.spectrogram = spectrogram
    }
    if let start = try settings.value("start_seconds", Double.init) {
      self.span.startSeconds = start
    }
    if let duration = try settings.value("duration_seconds", Double.init) {
      self.span.durationSeconds = duration
    }
  }
}

extension Riff_V1_SpectrogramOptions {
  /// The same of a picture that was made of a sound: its rows are asked for, and how loud black is follows from
  /// the sound.
  fileprivate init?(analysis setting: String) {
    self.init(setting: setting)
    self.clearMaximum()
    let rows = setting.split(separator: ",").compactMap { pair -> UInt32? in
      pair.hasPrefix("mel_bins=") ? UInt32(pair.dropFirst("mel_bins=".count)) : nil
    }
    if let rows = rows.first { self.melBins = rows }
  }

  /// A recipe's “sample_rate=44100,stereo=false,…”; nil where that cannot be read.
  init?(setting: String) {
    self.init()
    for pair in setting.split(separator: ",") {
      let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { return nil }
      let (whole, number) = (UInt32(parts[1]), Double(parts[1]))
      switch (parts[0], whole, number) {
      case ("sample_rate", let value?, _): self.sampleRate = value
      case ("stereo", _, _):
        guard let value = Bool(parts[1]) else { return nil }
        self.stereo = value
      case ("step_ms", let value?, _): self.stepMs = value
      case ("window_ms", let value?, _): self.windowMs = value
      case ("padded_ms", let value?, _): self.paddedMs = value
      // A picture's rows are what they are.
      case ("mel_bins", _?, _): break
      case ("min_frequency", let value?, _): self.minFrequency = value
      case ("max_frequency", let value?, _): self.maxFrequency = value
      case ("power", _, let value?): self.power = value
      case ("maximum", _, let value?): self.maximum = value
      default: return nil
      }
    }
  }
}
