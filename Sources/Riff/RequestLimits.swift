import AudioIO
import Diffusion
import Spectrogram

/// What a request may ask for at most: every limit that does not depend on the model, in one place.
/// `riff.proto` tells them to clients; those that a room below keeps for itself are named here only.
public enum RequestLimits {
  // MARK: Words

  /// Bytes of UTF-8 in a prompt.
  public static let promptBytes = DiffusionRequest.maximumPromptBytes
  /// Clips of a morph.
  public static let morphClips = 1...1_000
  /// Prompts that are mixed into one.
  public static let mixedPrompts = DiffusionRequest.maximumBlend + 1
  /// How much one of them counts, above 0.
  public static let largestWeight = 1_000.0
  /// Bytes of an upload's name.
  public static let fileNameBytes = 1_024

  // MARK: Painting

  /// Denoising steps; a model may have been trained with fewer.
  public static let steps = DiffusionRequest.steps
  /// Classifier-free guidance; 1 or less: none.
  public static let guidanceScale = DiffusionRequest.guidanceScales
  /// Where among the steps guidance begins and ends.
  public static let guidanceShares = 0.0...1.0
  /// Steps from one that runs the deep layers to the next.
  public static let deepCacheInterval = DiffusionRequest.deepCacheIntervals
  /// Share of fresh noise in DDIM's steps.
  public static let eta = 0.0...1.0
  /// How far a source is painted over.
  public static let strength = 0.0...1.0
  /// How much of a LoRA.
  public static let loraWeight = ModelAdapter.weights
  /// LoRAs of one job.
  public static let loras = ModelAdapter.maximumCount
  /// Beats a minute.
  public static let bpm = 30.0...300.0
  /// Bars of four beats: an hour of them at most, at the fastest tempo.
  public static let bars = 1...4_500
  /// How far a jam's windows are painted anew over what was played before them.
  public static let jamStrength = 0.1...1.0
  /// Times of a clip that stay, and beats of a pattern of those that do.
  public static let keptTimes = 1_000
  /// Signs of a pattern of beats.
  public static let beatPattern = 64
  /// Columns of a picture that a model paints, in pixels.
  public static let width = 1...DiffusionRequest.maximumSide
  /// Rows of a picture that a model paints, in pixels.
  public static let height = 1...RasterImage.maximumHeight
  /// Seconds that a picture which is sent shows at most, its parts together.
  public static let pictureSeconds = 600.0

  // MARK: Sound

  /// Seconds of a piece that is made of words, and those by which a clip goes on.
  public static let durationSeconds = 3_600.0
  /// Bits a second of Opus.
  public static let opusBitrate = OggOpusEncoder.bitrates
  /// Milliseconds over which a sound fades in, and out.
  public static let fadeMilliseconds = 0...10_000
  /// Mel amplitude of the darkest pixel: above 0, at most this.
  public static let maximumAmplitude = 1e12

  // MARK: Uploads

  /// Bytes of one upload on the wire.
  public static let uploadBytes = 1 << 30
  /// Bytes of a picture, which is read as a whole.
  public static let pictureBytes = 64 << 20
  /// Bytes of a mask, which comes in a message.
  public static let maskBytes = 512 << 10
  /// Bytes of all uploads that lie on disk at one time.
  public static let spoolBytes = 4 << 30
  /// Seconds of an upload's sound that are used.
  public static let soundSeconds = AudioReader.Limits().seconds

  // MARK: Jobs

  /// Seconds after which a jam ends whose sound nobody takes.
  public static let jamIdleSeconds = 300.0

  /// Jobs, receiving their upload, waiting or running, of all callers.
  public static let jobs = 128
  /// The same of one connection.
  public static let jobsPerConnection = 64

  /// Whether a piece may last so many seconds; not of what is no number.
  static func isDuration(_ seconds: Double) -> Bool {
    seconds > 0 && seconds <= self.durationSeconds
  }
}
