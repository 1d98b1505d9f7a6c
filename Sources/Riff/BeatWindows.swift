import Diffusion
package import Spectrogram

/// A long piece painted in windows of the model's own width that begin on a beat, so that it keeps its
/// beat: a model lays its beat from a window's first column, however much of the window is kept.
///
/// A window begins on the last beat that leaves as much of the window before as is to be kept: that is
/// cut from the picture, at the column nearest to the beat of the piece's own grid, encoded again and
/// kept while the rest is painted; over it one window fades into the next.
package struct BeatWindows {
  let plan: PaintingPlan
  let painter: Painter
  /// Columns of a window, and what they must be a multiple of.
  let window: Int
  let multiple: Int

  /// Latent columns that are kept, at least: with more of them windows are shorter and the beat is no
  /// steadier (`riff-bench beat`).
  static let keptLatents = 4

  /// Nil for pieces of one window.
  init?(_ plan: PaintingPlan, painter: Painter, info: DiffusionModelInfo) {
    let own = plan.card.defaults.width ?? info.defaultWidth
    guard plan.size.width > own, own > 2 * Self.keptLatents * info.widthMultiple else { return nil }
    self.plan = plan
    self.painter = painter
    self.window = own
    self.multiple = info.widthMultiple
  }

  /// The whole picture; nil where its first window has no clear beat.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func paint(_ context: JobContext) throws -> RGBImage? {
    var parameters = self.plan.card.spectrogram
    parameters.melBins = self.plan.size.height
    let total = self.plan.size.width
    let columns = PaintedColumns(
      parameters, bins: parameters.melBins, frames: total, kept: total + self.window, maximum: 1)
    // As many windows as there are, should a beat be 40 columns; more come without being counted.
    let kept = Self.keptLatents * self.multiple
    let expected = 1 + max(0, total - self.window) / max(1, self.window - kept - 40)
    var request = self.plan.request
    request.width = self.window
    var painted = 0
    func next() throws -> RGBImage {
      defer { painted += 1 }
      context.window = (painted + 1, max(expected, painted + 1))
      return try self.painter.paint(request, context) { progress in
        guard progress.stage == .denoising else { return try context.checkCancellation() }
        let windows = max(expected, painted + 1)
        try context.progress(
          .denoising, painted * progress.steps + progress.step, of: windows * progress.steps)
      }
    }
    let first = try next()
    guard let grid = try self.grid(first, parameters) else {
      context.window = nil
      return nil
    }
    columns.append(first, overlap: 0)
    let step = Double(parameters.stepMilliseconds) / 1_000
    while columns.painted < total {
      let end = columns.painted
      let start = Self.start(
        of: self.window, after: end, multiple: self.multiple, step: step, grid: grid)
      let overlap = end - start
      request.seed = self.plan.request.seed &+ UInt64(painted)
      request.initial = InitialPicture(
        image: columns.tail(overlap, width: self.window), strength: 1)
      request.mask = KeepMask(
        width: self.window, height: 1,
        levels: (0..<self.window).map { $0 < overlap / self.multiple * self.multiple ? 0 : 255 })
      columns.append(try next(), overlap: overlap)
    }
    context.window = nil
    return columns.picture()
  }

  /// The column at which the next window of `window` columns begins, `end` of which are painted: on the last
  /// beat that leaves enough to keep.
  ///
  /// - Parameters:
  ///   - multiple: columns that a latent column stands for.
  ///   - step: seconds of a column.
  package static func start(
    of window: Int, after end: Int, multiple: Int, step: Double, grid: BeatGrid
  ) -> Int {
    let latest = Double(end - Self.keptLatents * multiple) * step
    let beat = grid.first + ((latest - grid.first) / grid.period).rounded(.down) * grid.period
    return max(end - window + multiple, Int((beat / step).rounded()))
  }

  /// Of the first window: at the tempo that the prompt names, or at its own.
  private func grid(_ first: RGBImage, _ parameters: SpectrogramParameters) throws -> BeatGrid? {
    try WindowBeat(parameters: parameters, multiple: self.multiple).grid(
      of: first, bpm: self.plan.bpm)
  }
}
