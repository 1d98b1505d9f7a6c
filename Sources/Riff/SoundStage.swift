import AudioIO
import Spectrogram

/// The stage of a job that turns its picture into audio events.
struct SoundStage {
  /// Rate of all audio that leaves riffd, in hertz.
  static let sampleRate = SoundPath.sampleRate

  var output: OutputFormat
  var quality: RecoveryQuality
  /// What an Ogg Opus file says of itself, before what it says of its picture.
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
      picture, output: self.output, quality: self.quality,
      comments: self.comments + self.comments(on: picture), sampleCount: self.sampleCount,
      threads: self.threads)
    while let bytes = try path.next(check: context.checkCancellation) {
      if !bytes.isEmpty { try context.send(.audio(bytes)) }
      try context.progress(
        .sound, secondsDone: Double(path.samplesDone) / Double(Self.sampleRate))
    }
    return picture.channels
  }

  /// How the picture was turned into sound, by the names that requests have for it.
  private func comments(on picture: SpectrogramPicture) -> [OggOpusEncoder.Comment] {
    let parameters = picture.parameters
    let values = [
      "sample_rate=\(parameters.sampleRate)", "stereo=\(parameters.stereo)",
      "step_ms=\(parameters.stepMilliseconds)", "window_ms=\(parameters.windowMilliseconds)",
      "padded_ms=\(parameters.paddedMilliseconds)", "mel_bins=\(parameters.melBins)",
      "min_frequency=\(parameters.minFrequency)", "max_frequency=\(parameters.maxFrequency)",
      "power=\(parameters.power)", "maximum=\(picture.maximum)",
    ]
    return [
      OggOpusEncoder.Comment("RIFF_QUALITY", self.quality.rawValue),
      OggOpusEncoder.Comment("RIFF_SPECTROGRAM", values.joined(separator: ",")),
    ]
  }
}
