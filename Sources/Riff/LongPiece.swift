import Cores
import Diffusion
import Provenance
import Spectrogram

/// A piece that is longer than what its model paints at once: its windows are painted one after another
/// and played as one piece, with one recovery, one level and one stream. The sound of a window leaves
/// before the next but one is painted; memory does not grow with the length.
struct LongPiece {
  var job: GenerateJob
  var plan: PaintingPlan
  var painter: Painter
  /// What the files say of themselves.
  var recipe: Recipe

  /// Paints and plays it.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func run(_ context: JobContext) throws -> JobSummary {
    let windows = BeatWindows(
      anyOf: self.plan, painter: self.painter, info: self.painter.model.info)
    try self.painter.announce(windows.request(), self.plan, self.recipe, context)
    let parameters = self.plan.parameters
    // A pace changes what is unread by a few columns, for which there is room.
    let columns = PaintedColumns(
      parameters, bins: parameters.melBins, frames: nil,
      kept: 2 * windows.window + PhaseRecoveryStream.mostUnread(parameters),
      maximum: self.plan.card.maximum)
    var sound: ColumnSound?
    try windows.paint(onto: columns, context) { range in
      let image = columns.picture(range, width: range.count)
      let picture = try SpectrogramPicture(
        image: image, parameters: parameters, maximum: self.plan.card.maximum)
      if self.job.wantSpectrogram || self.job.output == nil {
        try context.send(
          .windowPicture(
            picture.png(texts: self.recipe.texts), firstColumn: range.lowerBound))
      }
      if let sound {
        sound.prepare(for: picture)
      } else if let output = self.job.output {
        sound = try ColumnSound(
          columns, first: picture, output: output, quality: self.job.quality,
          recipe: self.recipe, pace: self.plan.size.pace, pool: context.seat.pool)
        sound?.end(
          at: self.plan.size.sampleCount, fadeMilliseconds: self.job.fadeMilliseconds)
      }
      try sound?.play(context)
      return sound?.due
    }
    guard let sound else { return JobSummary(seed: self.plan.request.seed) }
    var summary = try sound.finish(context)
    summary.seed = self.plan.request.seed
    self.painter.paces.finish(
      self.painter.name, width: windows.window,
      realTimeFactor: Double(summary.sampleCount) / Double(SoundStage.sampleRate)
        / max(context.seat.seconds, 1e-6))
    return summary
  }
}
