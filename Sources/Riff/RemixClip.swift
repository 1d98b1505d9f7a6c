import AudioIO
import Cores
import Spectrogram

extension RemixJob {
  /// The part of the clip that is wanted, at 48 kHz, in one or two channels, brought to the tempo that is
  /// asked for. Lets go of the file.
  ///
  /// - Throws: the rooms' errors; ``JobError`` of kind `invalidArgument` for a tempo that cannot be had.
  func clip(
    start: Double, duration: Double?, _ context: JobContext, into spool: UploadSpool
  ) throws -> SpooledSound {
    let reader = try AudioReader(self.file, check: context.checkCancellation)
    // Where the file tells its length, before anything is decoded.
    if let length = reader.duration {
      let rest = max(0, min(length - start, ClipRemix.longest))
      try self.checkPicture(seconds: min(rest, duration ?? rest))
    }
    let sound = try SpooledSound(
      reader,
      AudioReader.Part(
        start: start, duration: duration, isExcerpt: true, channels: min(reader.channels, 2),
        sampleRate: SoundPath.sampleRate),
      limits: AudioReader.Limits(
        seconds: ClipRemix.longest, samples: Int(ClipRemix.longest) * SoundPath.sampleRate + 1),
      in: spool, check: context.checkCancellation)
    self.file.release()
    // Before anything is said: the client may ask again, without the picture.
    try self.checkPicture(
      seconds: Double(sound.sampleCount) / Double(SoundPath.sampleRate))
    for warning in reader.warnings { try context.send(.warning(warning)) }
    guard let stretchToBPM else { return sound }
    return try Self.stretched(sound, to: stretchToBPM, context, into: spool)
  }

  /// Of a clip that is painted over, the picture shows all; of one that goes on, what is new.
  private func checkPicture(seconds: Double) throws(JobError) {
    guard self.extendSeconds == nil else { return }
    try self.request.checkPicture(seconds: seconds)
  }

  private static func stretched(
    _ sound: SpooledSound, to bpm: Double, _ context: JobContext, into spool: UploadSpool
  ) throws -> SpooledSound {
    guard let grid = try ClipBeat(sound, context).grid else {
      throw JobError(
        .invalidArgument(field: "stretch_to_bpm"),
        "stretch_to_bpm needs a clip with a clear beat, and none was found")
    }
    // Half and twice a tempo are the same music; the nearest one is meant.
    var own = grid.bpm
    while own * 2.squareRoot() < bpm { own *= 2 }
    while own > bpm * 2.squareRoot() { own /= 2 }
    let ratio = bpm / own
    let seconds = Double(sound.sampleCount) / Double(SoundPath.sampleRate) / ratio
    guard seconds <= ClipRemix.longest else {
      throw JobError(
        .invalidArgument(field: "stretch_to_bpm"),
        "at \(bpm) beats a minute the clip would last longer than \(Int(ClipRemix.longest)) s")
    }
    let stretched = try SpooledSound(
      sound, timesAsFast: ratio, in: spool, check: context.checkCancellation)
    let tempo = (own * 10).rounded() / 10
    try context.send(
      .warning(
        "stretch_to_bpm: the clip has \(tempo) beats a minute and was played "
          + "\((ratio * 1_000).rounded() / 1_000) times as fast"))
    return stretched
  }
}
