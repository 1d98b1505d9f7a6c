public import AudioIO
import Provenance
public import Spectrogram

/// A spectrogram picture to audio.
public struct RenderJob: UploadJob {
  /// A PNG or JPEG file.
  public var file: Upload
  /// The file's name, for what is made to tell.
  public var fileName = ""
  /// Set parameters take the place of the picture's own.
  public var spectrogram = SpectrogramOverrides()
  /// What the sound is sent as.
  public var output = OutputFormat.oggOpus(bitrate: nil)
  /// How much work goes into the sound.
  public var quality = RecoveryQuality.normal
  /// As in ``GenerateJob``.
  public var fadeMilliseconds = 0

  static let sizeLimit = RequestLimits.pictureBytes

  /// A PNG or JPEG file in the spool, rendered as Ogg Opus by its own parameters.
  public init(file: Upload) {
    self.file = file
  }

  /// A picture in memory, rendered.
  public init(file: [UInt8]) {
    self.init(file: Upload(file))
  }

  var method: String { "Render" }
  var title: String { "" }

  func check(_ faults: inout RequestFaults, in studio: Studio) {
    self.output.check(&faults)
    faults.check("fade_ms", self.fadeMilliseconds, RequestLimits.fadeMilliseconds)
    self.spectrogram.check(&faults)
  }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let upload = try UploadNotes(name: self.fileName, self.file)
    let found = try self.picture()
    self.file.release()
    try context.warn(of: found)
    let picture = try SpectrogramPicture(
      image: found.image, parameters: self.spectrogram.applied(to: found.parameters),
      maximum: self.spectrogram.maximum ?? found.maximum)
    let sampleCount = SoundStage.sampleCount(
      columns: picture.frames, stepMilliseconds: picture.parameters.stepMilliseconds)
    var recipe = Recipe()
    recipe["method"] = self.method
    recipe.setUpload(upload)
    recipe.setOutput(
      self.output, quality: self.quality, channels: picture.channels,
      fadeMilliseconds: self.fadeMilliseconds)
    recipe.setSpectrogram(picture.parameters, maximum: picture.maximum)
    recipe.setEngine(studio)
    try context.start(recipe)
    let sound = SoundStage(
      output: self.output, quality: self.quality,
      recipe: recipe, sampleCount: sampleCount, fadeMilliseconds: self.fadeMilliseconds,
      paces: studio.paces)
    return try sound.run(picture, context)
  }

  private func picture() throws -> SpectrogramPicture {
    let start = try self.file.prefix(AudioFormat.length)
    if !PictureFormat(detecting: start).isPicture,
      let name = AudioFormat(detecting: start).soundName
    {
      throw JobError(
        .invalidArgument(field: "image"),
        "this is \(name), not a picture; Analyze (riff spectrogram) makes pictures of sound")
    }
    return try SpectrogramPicture(file: self.file.bytes(0..<Self.sizeLimit))
  }
}
