import AudioIO
import Spectrogram

/// The stage of a job that turns its picture into audio events.
struct SoundStage {
  /// Rate of all audio that leaves riffd, in hertz.
  static let sampleRate = SoundPath.sampleRate

  var output: OutputFormat
  /// What an Ogg Opus file says of itself.
  var comments: [OggOpusEncoder.Comment]
  /// Length to trim the sound to, in sample frames at 48 kHz; at most the picture's own.
  var sampleCount: Int
  var threads: Int

  /// Sample frames at 48 kHz in which `columns` columns sound.
  static func sampleCount(columns: Int, stepMilliseconds: Int) -> Int {
    columns * stepMilliseconds * (Self.sampleRate / 1_000)
  }

  /// Sends the picture's sound as audio events and returns how many channels it has.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func run(_ picture: SpectrogramPicture, _ context: JobContext) throws -> Int {
    try context.progress(.sound)
    let path = try SoundPath(
      picture, output: self.output, comments: self.comments, sampleCount: self.sampleCount,
      threads: self.threads)
    while let bytes = try path.next(check: context.checkCancellation) {
      if !bytes.isEmpty { try context.send(.audio(bytes)) }
      try context.progress(
        .sound, secondsDone: Double(path.samplesDone) / Double(Self.sampleRate))
    }
    return picture.channels
  }
}
