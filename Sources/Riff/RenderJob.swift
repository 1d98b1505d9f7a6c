import AudioIO
import Spectrogram

/// A spectrogram picture to audio.
public struct RenderJob: Job {
  /// A PNG file.
  public var png: [UInt8]
  /// Set parameters take the place of the picture's own.
  public var spectrogram = SpectrogramOverrides()
  public var output = OutputFormat.oggOpus(bitrate: nil)

  /// Largest picture file, in bytes.
  public static let sizeLimit = 64 << 20

  public init(png: [UInt8]) {
    self.png = png
  }

  var method: String { "Render" }
  var title: String { "" }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    guard self.output != .none else {
      throw JobError(
        .invalidArgument(field: "output"), "Render makes audio; ask for OGG_OPUS or PCM_F32")
    }
    let found = try SpectrogramPicture(png: self.png)
    if !found.hasEXIF {
      try context.send(
        .warning("the picture has no spectrogram parameters in EXIF; riffusion's are taken"))
    }
    let picture = try SpectrogramPicture(
      image: found.image, parameters: self.spectrogram.applied(to: found.parameters),
      maximum: self.spectrogram.maximum ?? found.maximum)
    let sampleCount = SoundStage.sampleCount(
      columns: picture.frames, stepMilliseconds: picture.parameters.stepMilliseconds)
    let sound = SoundStage(
      output: self.output, comments: [.init("ENCODER", studio.encoderName)],
      sampleCount: sampleCount, threads: studio.threads)
    let channels = try sound.run(picture, context)
    return JobSummary(sampleCount: sampleCount, channelCount: channels)
  }
}
