import Provenance
import RiffProtocol

/// A file that riff made, and the request that makes it again.
struct MadeFile {
  let path: String
  let recipe: Recipe

  /// - Throws: ``Failure`` when it cannot be read, or does not say how it was made.
  init(path: String) throws {
    self.path = path
    let notes = FileNotes(fileStart: try InputFile(path: path).start(FileNotes.length))
    guard let recipe = notes?.recipe else {
      throw Failure(message: "\(path) does not say how it was made: riff did not make it")
    }
    self.recipe = recipe
  }

  /// Whether it is a jam's: that is made again as another jam, for what was said meanwhile is not in it.
  var isJam: Bool { self.recipe["method"] == "Jam" }

  /// The request that makes it again; its upload is ``upload(askedFor:)``'s.
  ///
  /// - Parameter mask: What to take in the place of its mask, if it had one.
  /// - Throws: ``Failure`` where the file was made otherwise, or a setting cannot be read.
  func request(mask: String? = nil) throws -> JobRequest {
    var settings = RecipeReader(path: self.path, recipe: self.recipe)
    let request: JobRequest
    switch self.recipe["method"] {
    case "Generate": request = .generate(try Riff_V1_GenerateRequest(&settings))
    case "Remix":
      var options = try Riff_V1_RemixOptions(&settings)
      if mask == nil, let own = try self.mask() { options.mask = own }
      request = .remix(options)
    case "Morph":
      var options = try Riff_V1_MorphOptions(&settings)
      if mask == nil, let own = try self.mask() { options.mask = own }
      request = .morph(options)
    case "Render": request = .render(try Riff_V1_RenderOptions(&settings))
    case "Jam":
      throw self.failure(
        "was made by riff jam; riff jam --like begins another one with its settings")
    case "Sample": throw self.failure("was cut by riff sample; run that again")
    case "Analyze":
      throw self.failure("was made by riff spectrogram; riff spectrogram --like makes it again")
    default: throw self.failure("does not say by which command it was made")
    }
    try settings.finish()
    return request
  }

  /// What a jam began with.
  ///
  /// - Throws: ``Failure`` where another command made the file, or a setting cannot be read.
  func jam() throws -> Riff_V1_JamOptions {
    guard self.isJam else {
      throw self.failure("is not a jam; riff generate --like makes it again")
    }
    var settings = RecipeReader(path: self.path, recipe: self.recipe)
    let options = try Riff_V1_JamOptions(&settings)
    try settings.finish()
    return options
  }

  /// How a picture was made of a sound.
  ///
  /// - Throws: ``Failure`` where another command made the file, or a setting cannot be read.
  func analysis() throws -> Riff_V1_AnalyzeOptions {
    guard self.recipe["method"] == "Analyze" else {
      throw self.failure("is not a picture of a sound; riff generate --like makes it again")
    }
    var settings = RecipeReader(path: self.path, recipe: self.recipe)
    let options = try Riff_V1_AnalyzeOptions(&settings)
    try settings.finish()
    return options
  }

  /// What is to be said before a jam is begun like this one.
  var jamNote: String {
    "\(self.path) does not hold what was said to it while it played: this is a new jam that begins as it did"
  }

  /// The extension that the file's kind has: opus, wav, flac, mp3 or png.
  var fileExtension: String {
    switch self.recipe["output"] {
    case "wav", "pcm_f32", "pcm_s24": "wav"
    case "flac": "flac"
    case "mp3": "mp3"
    case "none": "png"
    default: "opus"
    }
  }

  func failure(_ what: String) -> Failure { Failure(message: "\(self.path) \(what)") }
}
