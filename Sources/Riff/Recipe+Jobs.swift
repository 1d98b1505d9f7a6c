import AudioIO
import Diffusion
import Provenance
import Spectrogram

// What jobs write into a recipe, by the names that requests have for it.

extension Recipe {
  /// Numbers that came as 32-bit floats read as such: 4.3, not 4.300000190734863.
  mutating func set(_ name: String, _ number: Double) {
    let short = Float(number)
    self[name] = Double(short) == number ? "\(short)" : "\(number)"
  }

  mutating func set(_ name: String, _ value: some CustomStringConvertible) {
    self[name] = "\(value)"
  }

  /// How a picture maps to sound, in one setting.
  mutating func setSpectrogram(_ parameters: SpectrogramParameters, maximum: Double?) {
    var values = [
      "sample_rate=\(parameters.sampleRate)", "stereo=\(parameters.stereo)",
      "step_ms=\(parameters.stepMilliseconds)", "window_ms=\(parameters.windowMilliseconds)",
      "padded_ms=\(parameters.paddedMilliseconds)", "mel_bins=\(parameters.melBins)",
      "min_frequency=\(parameters.minFrequency)", "max_frequency=\(parameters.maxFrequency)",
      "power=\(parameters.power)",
    ]
    if let maximum { values.append("maximum=\(maximum)") }
    self["spectrogram"] = values.joined(separator: ",")
  }

  /// The upload: its name, if the client told it, a digest of its bytes, and how it was made itself,
  /// each setting with "source." before its name.
  mutating func setUpload(_ upload: UploadNotes) {
    if !upload.name.isEmpty { self["file_name"] = upload.name }
    set("file_fingerprint", upload.fingerprint)
    // What it was made from in turn is left out, or files would grow from job to job.
    for setting in upload.recipe?.settings ?? [] where !setting.name.hasPrefix("source.") {
      self["source." + setting.name] = setting.value
    }
  }

  /// What the sound is sent as; nil: there is none.
  mutating func setOutput(
    _ output: OutputFormat?, quality: RecoveryQuality, channels: Int, fadeMilliseconds: Int
  ) {
    guard let output else {
      self["output"] = "none"
      return
    }
    switch output {
    case .oggOpus(let bitrate):
      self["output"] = "ogg_opus"
      set("opus.bitrate", bitrate ?? OutputFormat.opusBitrate(channels: channels))
    case .pcmFloat32: self["output"] = "pcm_f32"
    case .pcmSigned24: self["output"] = "pcm_s24"
    case .wav(let format):
      self["output"] = "wav"
      self["sample_format"] = format.settingValue
    case .flac(let format):
      self["output"] = "flac"
      self["sample_format"] = format.settingValue
    case .mp3(let bitrate):
      self["output"] = "mp3"
      set("mp3.bitrate", bitrate ?? OutputFormat.mp3Bitrate(channels: channels))
    }
    self["quality"] = quality.rawValue
    if fadeMilliseconds > 0 { set("fade_ms", fadeMilliseconds) }
  }

  /// What computes: the program's version, the precision and the threads, which bytes depend on.
  mutating func setEngine(_ studio: Studio, precision: Precision = .f32) {
    self["version"] = studio.encoderName
    self["precision"] = precision.rawValue
    set("threads", studio.threads)
  }

  /// As texts of a PNG.
  var texts: [PictureText] { pictureTexts.map { PictureText($0.keyword, $0.text) } }
}

extension SampleFormat {
  fileprivate var settingValue: String {
    switch self {
    case .signed16: "s16"
    case .signed24: "s24"
    case .float32: "f32"
    }
  }
}
