import AudioIO
import Provenance
import Spectrogram

/// The stage of a job that turns its picture into audio events.
struct SoundStage {
  /// Rate of all audio that leaves riffd, in hertz.
  static let sampleRate = SoundPath.sampleRate

  var output: OutputFormat
  var quality: RecoveryQuality
  /// What the file says of itself.
  var recipe: Recipe
  /// Length to trim the sound to, in sample frames at 48 kHz; at most the picture's own.
  var sampleCount: Int
  /// Over which the sound fades in and out.
  var fadeMilliseconds: Int
  var threads: Int

  /// Sample frames at 48 kHz in which `columns` columns sound.
  static func sampleCount(columns: Int, stepMilliseconds: Int) -> Int {
    columns * stepMilliseconds * (Self.sampleRate / 1_000)
  }

  /// Sends the picture's sound as audio events and returns what was made.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func run(_ picture: SpectrogramPicture, _ context: JobContext) throws -> JobSummary {
    try context.progress(.sound)
    let path = try SoundPath(
      picture, output: self.output, quality: self.quality,
      recipe: self.recipe, sampleCount: self.sampleCount,
      fadeMilliseconds: self.fadeMilliseconds, threads: self.threads)
    while let bytes = try path.next(check: context.checkCancellation) {
      if !bytes.isEmpty { try context.send(.audio(bytes)) }
      try context.progress(
        .sound, secondsDone: Double(path.samplesDone) / Double(Self.sampleRate))
    }
    return JobSummary(
      sampleCount: self.sampleCount, channelCount: picture.channels, head: path.finalHead)
  }
}
