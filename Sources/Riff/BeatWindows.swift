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
  /// What is read in place of the plan's prompt; nil: that.
  private var prompt: String?

  private init(
    _ plan: PaintingPlan, painter: Painter, info: DiffusionModelInfo, window: Int
  ) {
    self.plan = plan
    self.painter = painter
    self.window = window
    self.multiple = info.widthMultiple
    self.parameters = plan.parameters
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
    let row = Row(total: total, ending: self.plan.isLoop ? .loop : .open, grid: grid)
    let closing = try self.goOn(columns, row, &work)
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
    work.played = total
    defer { context.window = nil }
    let first = try self.next(self.request(), &work)
    columns.append(first, overlap: 0)
    var played = PlayedRow(columns: columns, row: Row(total: total, grid: try self.grid(first)))
    try self.give(to: &played, &work, take)
    _ = try self.goOn(columns, played.row, &work) { try self.give(to: &played, &$0, take) }
  }

  /// Paints what the model makes of the columns behind a picture, to `total` columns in all, onto columns that
  /// are read meanwhile; the picture is the first of them. Otherwise as ``paint(onto:_:take:)``.
  ///
  /// - Throws: the rooms' errors, `CancellationError`, and what `take` throws.
  func paint(
    behind picture: RasterImage, to total: Int, onto columns: PaintedColumns,
    _ context: JobContext, take: (_ columns: Range<Int>) throws -> Double?
  ) throws {
    var work = Work(context, expected: self.expected(total - picture.width))
    work.played = total
    defer { context.window = nil }
    columns.append(picture, overlap: 0)
    var played = PlayedRow(columns: columns, row: Row(total: total, grid: try self.grid(picture)))
    _ = try self.goOn(columns, played.row, &work) { try self.give(to: &played, &$0, take) }
  }

  /// Columns before a picture, `count` at least, of which the first lies on a beat of the picture.
  ///
  /// - Throws: `SpectrogramError`.
  func columns(before picture: RasterImage, atLeast count: Int) throws -> Int {
    guard let grid = try self.grid(picture) else { return count }
    let latest = -Double(count) * self.step
    let beat = grid.first + ((latest - grid.first) / grid.period).rounded(.down) * grid.period
    return max(count, -Int((beat / self.step).rounded()))
  }

  /// Paints `count` columns that lead to a picture, and then the picture, onto columns that are read meanwhile:
  /// forwards, from noise, at the picture's tempo if it has one, and its last window keeps the picture's beginning
  /// behind it. Otherwise as ``paint(onto:_:take:)``.
  ///
  /// - Precondition: `count` is more than a window.
  /// - Throws: the rooms' errors, `CancellationError`, and what `take` throws.
  func paint(
    before picture: RasterImage, count: Int, onto columns: PaintedColumns,
    _ context: JobContext, take: (_ columns: Range<Int>) throws -> Double?
  ) throws {
    var work = Work(context, expected: self.expected(count) + 1)
    work.played = count + picture.width
    defer { context.window = nil }
    let grid = try self.grid(picture)
    var windows = self
    if let grid {
      windows.prompt = NamedTempo.naming(grid.bpm.rounded(), in: self.plan.request.prompt)
    }
    let row = Row(total: count, ending: .picture(picture), grid: grid, origin: count)
    let first = try windows.next(windows.request(at: -count, of: grid), &work)
    columns.append(
      first.columns(0..<min(self.window, count - Self.leastLatents * self.multiple)), overlap: 0)
    var played = PlayedRow(columns: columns, row: row)
    try windows.give(to: &played, &work, take)
    _ = try windows.goOn(columns, row, &work) { try windows.give(to: &played, &$0, take) }
  }

  /// A picture with `count` columns before it that lead to it, painted backwards, so that each window keeps what
  /// comes behind it.
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
      var request = self.request(at: -before - new, of: grid)
      request.seed = self.plan.request.seed &+ UInt64(work.painted)
      request.guidanceInterval = self.plan.keepingInterval
      if !picture.isSilent(0..<overlap) {
        request.initial = InitialPicture(
          image: RasterImage.white(width: self.window, height: picture.height).replacing(
            columns: new..<self.window, by: picture.columns(0..<overlap)), strength: 1)
        request.mask = self.mask(overlap: 0, behind: new..<self.window)
      }
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
    /// Columns whose sound is made between the windows; nil: it is made after them.
    var played: Int?
    /// When the listener runs out of sound.
    var due: Double?

    init(_ context: JobContext, expected: Int) {
      self.context = context
      self.expected = expected
    }
  }

  /// Of a window that begins so many columns after where a grid's time begins; the first one's without either.
  func request(at column: Int = 0, of grid: BeatGrid? = nil) -> DiffusionRequest {
    var request = self.plan.request
    request.width = self.window
    request.isCircular = false
    request.timeIDs = self.plan.told.numbers(at: Double(column) * self.step, of: grid)
    if let prompt { request.prompt = prompt }
    return request
  }

  private func next(_ request: DiffusionRequest, _ work: inout Work) throws -> RasterImage {
    let (painted, context) = (work.painted, work.context)
    let windows = max(work.expected, painted + 1)
    context.window = (painted + 1, windows)
    var left = 1.0
    if let played = work.played {
      left =
        Double(windows - painted) / Double(windows) * Double(played)
        / Double(self.plan.size.width)
    }
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

  /// What a row of windows leads to.
  private enum Ending {
    /// Nothing: the last window is cut.
    case open
    /// Its own beginning.
    case loop
    /// A picture that is there.
    case picture(RasterImage)
  }

  /// Windows that lie one behind another.
  private struct Row {
    /// Columns that are painted.
    let total: Int
    var ending = Ending.open
    let grid: BeatGrid?
    /// The column at which the grid's time begins.
    var origin = 0

    /// Columns of the whole, with what it leads to.
    var end: Int {
      if case .picture(let picture) = self.ending { self.total + picture.width } else { self.total }
    }
  }

  /// A row whose columns are played while it is painted.
  private struct PlayedRow {
    let columns: PaintedColumns
    let row: Row
    /// Columns that `take` has been told of.
    var taken = 0
  }

  /// Lets what can change no more be read, and tells `take` of it.
  private func give(
    to played: inout PlayedRow, _ work: inout Work,
    _ take: (_ columns: Range<Int>) throws -> Double?
  ) throws {
    let painted = played.columns.painted
    let isDone = painted >= played.row.total
    let end = isDone ? played.row.end : self.place(after: painted, in: played.row).start
    if isDone {
      played.columns.end(at: end)
    } else {
      // The next window fades in from there.
      played.columns.hold(PaintedColumns.Hold(column: end, beats: nil, last: end))
    }
    guard end > played.taken else { return }
    work.due = try take(played.taken..<end)
    played.taken = end
  }

  /// Paints on until the row's columns are there, and what it leads to; returns what the last window of a loop
  /// made of the beginning.
  private func goOn(
    _ columns: PaintedColumns, _ row: Row, _ work: inout Work,
    _ isPainted: (inout Work) throws -> Void = { _ in }
  ) throws -> RasterImage? {
    let total = row.total
    var closing: RasterImage?
    work.expected = work.painted + self.count(from: columns.painted, in: row)
    while columns.painted < total {
      let end = columns.painted
      let place = self.place(after: end, in: row)
      let (start, isClosing) = (place.start, place.isClosing)
      let overlap = end - start
      var request = self.request(at: start - row.origin, of: row.grid)
      request.seed = self.plan.request.seed &+ UInt64(work.painted)
      request.guidanceInterval = self.plan.keepingInterval
      var image = columns.tail(overlap, width: self.window)
      /// Columns of the window that come behind what is painted.
      var behind = self.window..<self.window
      if isClosing {
        let known = self.beginning(of: row, columns, count: self.window - (total - start))
        behind = total - start..<total - start + known.width
        image = image.replacing(columns: behind, by: known)
      }
      let keeps = !image.isSilent(0..<overlap)
      if keeps || isClosing {
        request.initial = InitialPicture(image: image, strength: 1)
        request.mask = self.mask(overlap: keeps ? overlap : 0, behind: behind)
      }
      let made = try self.next(request, &work)
      switch row.ending {
      case .open: columns.append(made, overlap: overlap)
      case .loop, .picture: columns.append(made.columns(0..<place.end - start), overlap: overlap)
      }
      if isClosing {
        closing = made.columns(behind)
        if case .picture(let picture) = row.ending {
          columns.append(
            picture.fadingIn(from: made.columns(behind.prefix(self.kept))), overlap: 0)
        }
      }
      try isPainted(&work)
    }
    return closing
  }

  /// The first columns of what a row leads to, `count` at most.
  private func beginning(of row: Row, _ columns: PaintedColumns, count: Int) -> RasterImage {
    switch row.ending {
    case .open, .loop: columns.picture(0..<count, width: count)
    case .picture(let picture): picture.columns(0..<min(count, picture.width))
    }
  }

  /// Where a window lies.
  private struct Place {
    let start: Int
    /// Columns that are painted when it is.
    let end: Int
    /// Whether it is the last one, and keeps what the row leads to.
    let isClosing: Bool
  }

  /// What is left for the last window must be so many latent columns wide to be painted.
  private static let leastLatents = 2

  /// Where the next window lies, `end` of the row's columns being painted.
  private func place(after end: Int, in row: Row) -> Place {
    var start = max(0, end - self.kept)
    if let grid = row.grid {
      start = max(
        0,
        row.origin
          + Self.start(
            of: self.window, after: end - row.origin, multiple: self.multiple, step: self.step,
            grid: grid))
    }
    let total = row.total
    let last = total - Self.leastLatents * self.multiple
    switch row.ending {
    case .open: return Place(start: start, end: start + self.window, isClosing: false)
    case .loop:
      guard total - end > self.window - 2 * self.kept else {
        return Place(
          start: max(start, total + self.kept - self.window), end: total, isClosing: true)
      }
      return Place(start: start, end: min(start + self.window, last), isClosing: false)
    case .picture(let picture):
      // From there on a window reaches as far into the picture as is to be kept.
      let earliest = total + min(self.kept, picture.width) - self.window
      guard start < earliest, end < last else {
        return Place(start: max(start, earliest), end: total, isClosing: true)
      }
      return Place(start: start, end: min(start + self.window, last), isClosing: false)
    }
  }

  /// Windows until the row's columns are there, `end` of which are painted.
  private func count(from end: Int, in row: Row) -> Int {
    var (end, count) = (end, 0)
    while end < row.total {
      end = self.place(after: end, in: row).end
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

  /// Keeps the latents whose columns all lie before `overlap`, or in `behind`.
  private func mask(overlap: Int, behind: Range<Int>) -> KeepMask {
    let before = overlap / self.multiple * self.multiple
    let first = (behind.lowerBound + self.multiple - 1) / self.multiple * self.multiple
    let end =
      behind.upperBound == self.window
      ? self.window : behind.upperBound / self.multiple * self.multiple
    return KeepMask(
      width: self.window, height: 1,
      levels: (0..<self.window).map { $0 < before || first <= $0 && $0 < end ? 0 : 255 })
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

  /// Whether some columns are silent: 90 dB below the darkest pixel, or less, where greys are fourth roots.
  /// Silence says nothing of what comes, and a model that keeps it goes on with it.
  func isSilent(_ columns: Range<Int>) -> Bool {
    (0..<self.height).allSatisfy { row in
      let first = 3 * row * self.width
      return self.pixels[first + 3 * columns.lowerBound..<first + 3 * columns.upperBound]
        .allSatisfy { $0 >= 236 }
    }
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
