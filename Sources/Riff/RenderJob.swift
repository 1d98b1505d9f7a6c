public import AudioIO
public import Spectrogram

/// A spectrogram picture to audio.
public struct RenderJob: Job {
  /// A PNG or JPEG file.
  public var file: [UInt8]
  /// Set parameters take the place of the picture's own.
  public var spectrogram = SpectrogramOverrides()
  public var output = OutputFormat.oggOpus(bitrate: nil)
  /// How much work goes into the sound.
  public var quality = RecoveryQuality.normal
  /// As in ``GenerateJob``.
  public var fadeMilliseconds = 0

  /// Largest picture file, in bytes.
  public static let sizeLimit = 64 << 20

  public init(file: [UInt8]) {
    self.file = file
  }

  var method: String { "Render" }
  var title: String { "" }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    // Written so that NaN fails.
    if let maximum = self.spectrogram.maximum, !(maximum > 0 && maximum <= 1e12) {
      throw JobError(
        .invalidArgument(field: "maximum"), "\(maximum); right is above 0, at most 1e12")
    }
    let found = try self.picture()
    try context.warn(of: found)
    let picture = try SpectrogramPicture(
      image: found.image, parameters: self.spectrogram.applied(to: found.parameters),
      maximum: self.spectrogram.maximum ?? found.maximum)
    let sampleCount = SoundStage.sampleCount(
      columns: picture.frames, stepMilliseconds: picture.parameters.stepMilliseconds)
    let sound = SoundStage(
      output: self.output, quality: self.quality,
      comments: [AudioComment("ENCODER", studio.encoderName)], sampleCount: sampleCount,
      fadeMilliseconds: self.fadeMilliseconds, threads: studio.threads)
    return try sound.run(picture, context)
  }

  private func picture() throws -> SpectrogramPicture {
    if !PictureFormat(detecting: self.file).isPicture,
      let name = AudioFormat(detecting: self.file).soundName
    {
      throw JobError(
        .invalidArgument(field: "image"),
        "this is \(name), not a picture; Analyze (riff spectrogram) makes pictures of sound")
    }
    return try SpectrogramPicture(file: self.file)
  }
}
