import AudioIO
import Cores
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
  /// How fast the picture's columns are played; nil: at its own step.
  var pace: ColumnPace?
  /// Whether the sound joins its own beginning.
  var isLoop = false
  var paces: Paces

  /// Sample frames at 48 kHz in which `columns` columns sound.
  static func sampleCount(columns: Int, stepMilliseconds: Int) -> Int {
    columns * stepMilliseconds * (Self.sampleRate / 1_000)
  }

  /// Sends the picture's sound as audio events and returns what was made.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func run(_ picture: SpectrogramPicture, _ context: JobContext) throws -> JobSummary {
    try context.progress(.sound)
    let path: any SoundBytes =
      self.isLoop
      ? try LoopPath(
        picture, output: self.output, quality: self.quality, recipe: self.recipe,
        sampleCount: self.sampleCount, pace: self.pace, pool: context.seat.pool)
      : try SoundPath(
        picture, output: self.output, quality: self.quality,
        recipe: self.recipe, sampleCount: self.sampleCount,
        fadeMilliseconds: self.fadeMilliseconds, pace: self.pace, pool: context.seat.pool)
    let kind = Paces.Kind(
      part: .sound(channels: picture.channels, quality: self.quality.rawValue))
    /// When the first sound left, on the engine's clock.
    var start: Double?
    var done = 0.0
    while true {
      let left = Double(self.sampleCount) / Double(Self.sampleRate) - done
      let pace = self.paces.seconds(kind)
      context.expect(
        Need(
          remaining: pace.map { $0 * left }, due: (start ?? context.seat.now) + done,
          unit: pace ?? 0.1))
      let before = context.seat.seconds
      let bytes = try path.next { recovery in
        try context.withSeat { seat in
          let unit = RecoveryUnit(recovery, threads: seat.pool.threads)
          try seat.withTurn(sharing: unit, RecoveryUnit.run)
          return unit.samples
        }
      }
      guard let bytes else { break }
      let seconds = Double(path.samplesDone) / Double(Self.sampleRate) - done
      if seconds > 0 { self.paces.add((context.seat.seconds - before) / seconds, to: kind) }
      done += seconds
      if !bytes.isEmpty {
        try context.send(.audio(bytes), seconds: seconds)
        start = start ?? context.seat.now
      }
      try context.progress(.sound, secondsDone: done)
    }
    return JobSummary(
      sampleCount: self.sampleCount, channelCount: picture.channels, head: path.finalHead)
  }
}
