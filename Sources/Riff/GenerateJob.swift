public import AudioIO
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
  public var width: Int?
  public var height: Int?
  public var durationSeconds: Double?
  public var wantSpectrogram = false
  /// What the sound is sent as; `nil`: no sound, the spectrogram only.
  public var output: OutputFormat? = .oggOpus(bitrate: nil)
  /// How much work goes into the sound.
  public var quality = RecoveryQuality.normal
  /// Over which the sound fades in at its beginning and out at its end; 0 to ``longestFade``.
  public var fadeMilliseconds = 0

  /// In milliseconds.
  public static let longestFade = 10_000

  /// Longest prompt, in bytes of UTF-8.
  public static let promptLimit = 8_192
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

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    try Painting(job: self).run(context, in: studio)
  }
}
