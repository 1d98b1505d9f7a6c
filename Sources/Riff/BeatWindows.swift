import Diffusion
package import Spectrogram

/// A long piece painted in windows of the model's own width that begin on a beat, so that it keeps its
/// beat: a model lays its beat from a window's first column, however much of the window is kept.
///
/// A window begins on the last beat that leaves as much of the window before as is to be kept: that is
/// cut from the picture, at the column nearest to the beat of the piece's own grid, encoded again and
/// kept while the rest is painted; over it one window fades into the next. The last window of a loop keeps the
/// piece's beginning behind it as well. Without a clear beat, a window begins where enough is kept.
package struct BeatWindows {
  let plan: PaintingPlan
  let painter: Painter
  /// Columns of a window, and what they must be a multiple of.
  let window: Int
  let multiple: Int

  /// Latent columns that are kept, at least: with more of them windows are shorter and the beat is no
  /// steadier (`riff-bench beat`).
  static let keptLatents = 4

  /// Of pictures.
  private let parameters: SpectrogramParameters

  private init(
    _ plan: PaintingPlan, painter: Painter, info: DiffusionModelInfo, window: Int
  ) {
    self.plan = plan
    self.painter = painter
    self.window = window
    self.multiple = info.widthMultiple
    var parameters = plan.card.spectrogram
    parameters.melBins = plan.size.height
    self.parameters = parameters
  }

  /// Nil for pieces of one window.
  init?(_ plan: PaintingPlan, painter: Painter, info: DiffusionModelInfo) {
    let own = plan.card.defaults.width ?? info.defaultWidth
    guard plan.size.width > own, own > 2 * Self.keptLatents * info.widthMultiple else { return nil }
    self.init(plan, painter: painter, info: info, window: own)
  }

  /// Of what goes on from a picture that is there, or is too long for one picture.
  init(anyOf plan: PaintingPlan, painter: Painter, info: DiffusionModelInfo) {
    let own = plan.card.defaults.width ?? info.defaultWidth
    self.init(
      plan, painter: painter, info: info,
      window: max(own, 4 * Self.keptLatents * info.widthMultiple))
  }

  /// Columns that are kept at least.
  private var kept: Int { Self.keptLatents * self.multiple }
  /// Seconds of a column.
  private var step: Double { Double(self.parameters.stepMilliseconds) / 1_000 }

  /// The whole picture; nil where its first window has no clear beat.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func paint(_ context: JobContext) throws -> RasterImage? {
    let total = self.plan.size.width
    let columns = PaintedColumns(
      self.parameters, bins: self.parameters.melBins, frames: total, kept: total + self.window,
      maximum: 1)
    var work = Work(context, expected: self.expected(total - self.window) + 1)
    defer { context.window = nil }
    let first = try self.next(self.request(), &work)
    guard let grid = try self.grid(first) else { return nil }
    columns.append(first, overlap: 0)
    let closing = try self.goOn(columns, to: total, grid, &work)
    let picture = columns.picture()
    return closing.map { picture.fadingIn(from: $0) } ?? picture
  }

  /// Paints the piece onto columns that are read meanwhile, and ends them. `take` is called after each
  /// window with the columns that it has brought and that can change no more, and that alone can be read; it
  /// returns when the listener runs out of sound, nil where nobody waits for it.
  ///
  /// - Throws: the rooms' errors, `CancellationError`, and what `take` throws.
  func paint(
    onto columns: PaintedColumns, _ context: JobContext,
    take: (_ columns: Range<Int>) throws -> Double?
  ) throws {
    let total = self.plan.size.width
    var work = Work(context, expected: self.expected(total - self.window) + 1)
    work.isPlayed = true
    defer { context.window = nil }
    let first = try self.next(self.request(), &work)
    let grid = try self.grid(first)
    columns.append(first, overlap: 0)
    var taken = 0
    func give(_ work: inout Work) throws {
      let painted = columns.painted
      let end = painted < total ? self.place(after: painted, to: total, grid).start : total
      if painted < total {
        // The next window fades in from there.
        columns.hold(PaintedColumns.Hold(column: end, beats: nil, last: end))
      } else {
        columns.end(at: total)
      }
      work.due = try take(taken..<end)
      taken = end
    }
    try give(&work)
    _ = try self.goOn(columns, to: total, grid, &work, give)
  }

  /// A picture, and what the model makes of the columns behind it, to `total` columns in all.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func continued(_ picture: RasterImage, to total: Int, _ context: JobContext) throws -> RasterImage
  {
    let columns = PaintedColumns(
      self.parameters, bins: self.parameters.melBins, frames: total, kept: total + self.window,
      maximum: 1)
    columns.append(picture, overlap: 0)
    var work = Work(context, expected: self.expected(total - picture.width))
    defer { context.window = nil }
    _ = try self.goOn(columns, to: total, self.grid(picture), &work)
    return columns.picture()
  }

  /// A picture with `count` columns before it that lead to it.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func preceded(_ picture: RasterImage, by count: Int, _ context: JobContext) throws -> RasterImage
  {
    var work = Work(context, expected: self.expected(count))
    defer { context.window = nil }
    let grid = try self.grid(picture)
    var picture = picture
    /// Columns that lie before the first one that was there.
    var before = 0
    while before < count {
      let overlap: Int
      if let grid {
        // The first beat that leaves enough to keep.
        let earliest = Double(self.kept - self.window - before) * self.step
        let beat = grid.first + ((earliest - grid.first) / grid.period).rounded(.up) * grid.period
        let start = min(-before - self.multiple, Int((beat / self.step).rounded()))
        overlap = min(picture.width, start + self.window + before)
      } else {
        overlap = min(picture.width, self.kept)
      }
      let new = self.window - overlap
      var request = self.request()
      request.seed = self.plan.request.seed &+ UInt64(work.painted)
      request.initial = InitialPicture(
        image: RasterImage.white(width: self.window, height: picture.height).replacing(
          columns: new..<self.window, by: picture.columns(0..<overlap)), strength: 1)
      request.mask = self.mask(overlap: 0, end: new)
      let made = try self.next(request, &work)
      picture = made.columns(0..<new).followed(
        by: picture.fadingIn(from: made.columns(new..<self.window)))
      before += new
    }
    return picture.columns(before - count..<picture.width)
  }

  /// Windows that so many columns take, should a beat be 40 columns; more come without being counted.
  private func expected(_ columns: Int) -> Int {
    let hop = max(1, self.window - self.kept - 40)
    return max(0, columns) / hop
  }

  /// How far the windows are.
  private struct Work {
    let context: JobContext
    var expected: Int
    var painted = 0
    /// Whether sound is made between the windows, rather than after them.
    var isPlayed = false
    /// When the listener runs out of sound.
    var due: Double?

    init(_ context: JobContext, expected: Int) {
      self.context = context
      self.expected = expected
    }
  }

  /// The first window's.
  func request() -> DiffusionRequest {
    var request = self.plan.request
    request.width = self.window
    request.isCircular = false
    return request
  }

  private func next(_ request: DiffusionRequest, _ work: inout Work) throws -> RasterImage {
    let (painted, context) = (work.painted, work.context)
    let windows = max(work.expected, painted + 1)
    context.window = (painted + 1, windows)
    let left = work.isPlayed ? Double(windows - painted) / Double(windows) : 1
    let rest = Painter.Rest(
      pictures: windows - painted - 1,
      sound: self.plan.soundSeconds(self.painter.paces).map { $0 * left })
    let image = try self.painter.paint(request, context, rest: rest, due: work.due) { progress in
      guard progress.stage == .denoising else { return try context.checkCancellation() }
      try context.progress(
        .denoising, painted * progress.steps + progress.step, of: windows * progress.steps)
    }
    work.painted += 1
    return image
  }

  /// Paints on until there are `total` columns; returns what the last window of a loop made of the
  /// beginning.
  private func goOn(
    _ columns: PaintedColumns, to total: Int, _ grid: BeatGrid?, _ work: inout Work,
    _ isPainted: (inout Work) throws -> Void = { _ in }
  ) throws -> RasterImage? {
    var closing: RasterImage?
    work.expected = work.painted + self.count(from: columns.painted, to: total, grid)
    while columns.painted < total {
      let end = columns.painted
      let place = self.place(after: end, to: total, grid)
      let (start, isClosing) = (place.start, place.isClosing)
      let overlap = end - start
      var request = self.request()
      request.seed = self.plan.request.seed &+ UInt64(work.painted)
      var image = columns.tail(overlap, width: self.window)
      if isClosing {
        let rest = self.window - (total - start)
        image = image.replacing(
          columns: total - start..<self.window, by: columns.picture(0..<rest, width: rest))
      }
      request.initial = InitialPicture(image: image, strength: 1)
      request.mask = self.mask(overlap: overlap, end: isClosing ? total - start : self.window)
      let made = try self.next(request, &work)
      columns.append(
        self.plan.isLoop ? made.columns(0..<place.end - start) : made, overlap: overlap)
      if isClosing { closing = made.columns(total - start..<self.window) }
      try isPainted(&work)
    }
    return closing
  }

  /// Where a window lies.
  private struct Place {
    let start: Int
    /// Columns that are painted when it is.
    let end: Int
    /// Whether it is the last one of a loop.
    let isClosing: Bool
  }

  /// Where the next window lies, `end` of `total` columns being painted.
  private func place(after end: Int, to total: Int, _ grid: BeatGrid?) -> Place {
    var start = max(0, end - self.kept)
    if let grid {
      start = max(
        0,
        Self.start(
          of: self.window, after: end, multiple: self.multiple, step: self.step, grid: grid))
    }
    guard self.plan.isLoop else {
      return Place(start: start, end: start + self.window, isClosing: false)
    }
    guard total - end > self.window - 2 * self.kept else {
      return Place(
        start: max(start, total + self.kept - self.window), end: total, isClosing: true)
    }
    // What is left must be wide enough to be painted.
    return Place(
      start: start, end: min(start + self.window, total - 2 * self.multiple), isClosing: false)
  }

  /// Windows until there are `total` columns, `end` of which are painted.
  private func count(from end: Int, to total: Int, _ grid: BeatGrid?) -> Int {
    var (end, count) = (end, 0)
    while end < total {
      end = self.place(after: end, to: total, grid).end
      count += 1
    }
    return count
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

  /// Keeps the latents whose columns all lie before `overlap`, or behind `end`.
  private func mask(overlap: Int, end: Int) -> KeepMask {
    let before = overlap / self.multiple * self.multiple
    let behind = (end + self.multiple - 1) / self.multiple * self.multiple
    return KeepMask(
      width: self.window, height: 1,
      levels: (0..<self.window).map { (before..<behind).contains($0) ? 255 : 0 })
  }

  /// Of the first window: at the tempo that the prompt names, or at its own.
  private func grid(_ first: RasterImage) throws -> BeatGrid? {
    try WindowBeat(parameters: self.parameters, multiple: self.multiple).grid(
      of: first, bpm: self.plan.bpm)
  }
}

extension RasterImage {
  /// Silence.
  static func white(width: Int, height: Int) -> RasterImage {
    RasterImage(
      width: width, height: height, pixels: [UInt8](repeating: 255, count: 3 * width * height))
  }

  /// The picture with another one, as high as it, to its right.
  func followed(by other: RasterImage) -> RasterImage {
    var result: [UInt8] = []
    result.reserveCapacity(self.pixels.count + other.pixels.count)
    for row in 0..<self.height {
      result += self.pixels[3 * row * self.width..<3 * (row + 1) * self.width]
      result += other.pixels[3 * row * other.width..<3 * (row + 1) * other.width]
    }
    return RasterImage(width: self.width + other.width, height: self.height, pixels: result)
  }

  /// The picture with its first columns turning from those of another one into its own; both are equally
  /// high.
  func fadingIn(from other: RasterImage) -> RasterImage {
    var result = self.pixels
    for row in 0..<self.height {
      for column in 0..<min(other.width, self.width) {
        let share = (Double(column) + 0.5) / Double(other.width)
        for component in 0..<3 {
          let place = 3 * (row * self.width + column) + component
          let before = Double(other.pixels[3 * (row * other.width + column) + component])
          result[place] = UInt8(
            (before + share * (Double(result[place]) - before)).rounded())
        }
      }
    }
    return RasterImage(width: self.width, height: self.height, pixels: result)
  }
}
