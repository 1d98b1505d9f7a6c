import AudioIO
import Cores
import Provenance
import Spectrogram

/// An audio file to a spectrogram picture.
public struct AnalyzeJob: UploadJob {
  /// A WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus, Ogg FLAC or AIFF file.
  public var file: Upload
  /// The file's name, for what is made to tell.
  public var fileName = ""
  /// Set parameters take the place of riffusion's; an unset sample rate is the file's own.
  public var spectrogram = SpectrogramOverrides()
  /// Where the part begins that is analysed, in seconds, 0 or more.
  public var startSeconds = 0.0
  /// Above 0; nil: to the end.
  public var durationSeconds: Double?

  static let sizeLimit = RequestLimits.uploadBytes

  /// A sound file in the spool, analysed by riffusion's parameters at its own rate.
  public init(file: Upload) {
    self.file = file
  }

  /// A file in memory, analysed.
  public init(file: [UInt8]) {
    self.init(file: Upload(file))
  }

  var method: String { "Analyze" }
  var title: String { "" }

  func check(_ faults: inout RequestFaults, in studio: Studio) {
    self.spectrogram.check(&faults)
    do throws(SpectrogramError) {
      try self.spectrogram.applied(to: SpectrogramParameters()).validate()
    } catch {
      // The others have been noted.
      if ["window_ms", "padded_ms", "min_frequency", "max_frequency"].contains(error.field) {
        faults.add(error.field, error.message)
      }
    }
    faults.checkStart("span.start_seconds", self.startSeconds)
    // Written so that NaN fails.
    if let durationSeconds, !(durationSeconds > 0 && durationSeconds < .infinity) {
      faults.add(
        "span.duration_seconds", "span.duration_seconds must be above 0, not \(durationSeconds)")
    }
  }

  func check(beginning bytes: [UInt8]) throws(JobError) { try Self.checkSound(bytes) }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    try context.progress(.decoding)
    let upload = try UploadNotes(name: self.fileName, self.file)
    let reader = try AudioReader(self.file, check: context.checkCancellation)
    let parameters = self.spectrogram.applied(
      to: SpectrogramParameters(sampleRate: reader.sampleRate))
    try parameters.validate()
    var part = AudioReader.Part(
      start: self.startSeconds, duration: self.durationSeconds, sampleRate: parameters.sampleRate)
    part.channels = parameters.channels
    try self.checkColumns(reader, part, parameters)
    let sound = try reader.read(part, check: context.checkCancellation)
    for warning in reader.warnings { try context.send(.warning(warning)) }
    self.file.release()
    let mel = try context.withTurn { turn in
      try SpectrogramAnalyzer(parameters, pool: turn.pool).analyze(sound.channels) {
        try turn.checkpoint()
      }
    }
    let picture = try SpectrogramPicture(mel, parameters: parameters)
    var recipe = Recipe()
    recipe["method"] = self.method
    recipe.setUpload(upload)
    if self.startSeconds > 0 { recipe.set("start_seconds", self.startSeconds) }
    if let durationSeconds { recipe.set("duration_seconds", durationSeconds) }
    recipe.setSpectrogram(parameters, maximum: picture.maximum)
    recipe.setEngine(studio)
    try context.start(recipe)
    try context.send(.spectrogram(picture.png(texts: recipe.texts)))
    return JobSummary()
  }

  /// Refuses a picture that would be too large before anything is decoded for it, where the file
  /// tells its length.
  private func checkColumns(
    _ reader: AudioReader, _ part: AudioReader.Part, _ parameters: SpectrogramParameters
  ) throws {
    let rest = reader.duration.map { max(0, $0 - part.start) }
    guard let seconds = [part.duration, rest].compactMap({ $0 }).min() else { return }
    let columns = min(seconds * 1_000 / Double(parameters.stepMilliseconds), 1e12)
    let most = min(
      RasterImage.maximumWidth, RasterImage.maximumPixels / max(parameters.melBins, 1))
    guard columns < Double(most) else {
      let longest = most * parameters.stepMilliseconds / 1_000
      throw JobError(
        .invalidArgument(field: "audio"),
        "\(Int(min(seconds, 1e12))) s are \(Int(columns)) columns, and a picture of \(parameters.melBins) rows "
          + "has at most \(most), \(longest) s; choose a part, a longer step_ms or fewer mel_bins")
    }
  }
}
