import Cores
import Diffusion
import Spectrogram

/// Paints a piece without an end, window by window, a unit of work at a time, so that its sound can
/// leave between two of them. Windows begin on beats, as those of ``BeatWindows``; a change is painted from
/// a beat on over what has not been heard yet.
///
/// Owned by one thread at a time.
final class WindowPainter {
  /// What is painted.
  let columns: PaintedColumns
  /// What the windows are painted of.
  private(set) var settings: JamSettings
  /// Nil where there is no clear beat.
  private(set) var beats: Beats?
  /// Windows that are finished.
  private(set) var painted = 0
  /// The last window.
  private(set) var image: RasterImage?
  /// Columns of a window.
  let window: Int
  /// Seconds of a column.
  let step: Double
  /// Denoising steps where there is time, and where there is none.
  let fullSteps: Int
  let leastSteps: Int

  private let plan: PaintingPlan
  private let painter: Painter
  private let multiple: Int
  private let parameters: SpectrogramParameters
  private var work: Work?
  /// Windows since the noise began, and what began it.
  private var drawn: UInt64 = 0
  private var pace = WindowPace()

  /// A window in the making.
  private struct Work {
    let session: DiffusionSession
    let start: Int
    /// Columns over which it fades in.
    let fade: Range<Int>
    let settings: JamSettings
    let beats: Beats?
    /// The changes that it makes heard; nil where it only goes on.
    let changes: [UInt32]?
  }

  /// Columns of latents that a window keeps of those before it, at least; and columns over which a change
  /// fades in.
  private static let kept = BeatWindows.keptLatents
  private static let changeFade = 2
  /// Columns of latents of a change that are new, at least, however late it is heard.
  private static let leastNew = 2

  init(_ settings: JamSettings, plan: PaintingPlan, painter: Painter) {
    self.settings = settings
    self.plan = plan
    self.painter = painter
    self.window = plan.size.width
    self.multiple = painter.model.info.widthMultiple
    let parameters = plan.parameters
    self.parameters = parameters
    self.step = Double(parameters.stepMilliseconds) / 1_000
    self.fullSteps = plan.request.steps
    self.leastSteps = min(plan.request.steps, 6)
    self.columns = PaintedColumns(
      parameters, bins: parameters.melBins, frames: nil, kept: 4 * plan.size.width,
      maximum: plan.card.maximum)
  }

  var isPainting: Bool { self.work != nil }
  /// Whether a change is being painted.
  var isChanging: Bool { self.work?.changes != nil }
  /// Those that are being painted.
  var changes: [UInt32] { self.work?.changes ?? [] }
  var columnMilliseconds: Int { self.parameters.stepMilliseconds }

  /// A request for a window at a place of the piece, of which `kept` columns are there already.
  func request(
    _ settings: JamSettings, beats: Beats?, start: Int, kept: Int, steps: Int
  ) -> DiffusionRequest {
    var request = self.plan.request
    // What has a beat keeps it when it is told so.
    let bpm = settings.tempo ?? beats.map { (60 / ($0.period * self.step)).rounded() }
    (request.prompt, request.blend) = settings.mixed(bpm: bpm)
    var told = self.plan.told
    (told.tempo, told.key) = (bpm, settings.key)
    request.timeIDs = told.numbers(at: start, of: beats)
    request.negativePrompt = settings.negativePrompt
    request.guidanceScale = settings.guidanceScale
    request.seed = settings.seed &+ self.drawn
    request.steps = steps
    let whole = kept / self.multiple * self.multiple
    guard whole > 0 else { return request }
    let basis = self.basis(settings, beats, start: start, kept: kept)
    guard settings.strength < 1 || !basis.isSilent(0..<whole) else { return request }
    request.guidanceInterval = self.plan.keepingInterval
    request.initial = InitialPicture(image: basis, strength: settings.strength)
    request.mask = KeepMask(
      width: self.window, height: 1,
      levels: (0..<self.window).map { $0 < whole ? 0 : 255 })
    return request
  }

  /// What a window begins from: the columns that it keeps, and, where not all is noise, what was played a
  /// few beats before.
  private func basis(
    _ settings: JamSettings, _ beats: Beats?, start: Int, kept: Int
  ) -> RasterImage {
    guard settings.strength < 1 else {
      return self.columns.picture(start..<start + kept, width: self.window)
    }
    let new = self.window - kept
    let back = beats.map { ($0.period * (Double(new) / $0.period).rounded(.up)) } ?? Double(new)
    let before = Int((Double(start + kept) - back).rounded())
    return self.columns.picture(start..<start + kept, width: self.window)
      .replacing(
        columns: kept..<self.window, by: self.columns.picture(before..<before + new, width: new))
  }

  /// Begins the window that goes on from what is painted.
  ///
  /// - Throws: the rooms' errors.
  func goOn(steps: Int) throws {
    let end = self.columns.painted
    guard end > 0 else {
      let request = self.request(self.settings, beats: nil, start: 0, kept: 0, steps: steps)
      self.work = Work(
        session: try self.painter.model.begin(request), start: 0, fade: 0..<0,
        settings: self.settings, beats: nil, changes: nil)
      return
    }
    let start = self.start(before: end - Self.kept * self.multiple, of: end, self.beats)
    let request = self.request(
      self.settings, beats: self.beats, start: start, kept: end - start, steps: steps)
    self.work = Work(
      session: try self.painter.model.begin(request), start: start, fade: start..<end,
      settings: self.settings, beats: self.beats, changes: nil)
  }

  /// Begins a window that makes changes heard from a painted column on, or from a later beat where it is not
  /// finished in time. What is painted from there on is dropped when it is finished; until then nobody reads
  /// it. False where it has been read already.
  ///
  /// - Throws: the rooms' errors.
  func change(
    to settings: JamSettings, _ changes: [UInt32], at column: Int, steps: Int
  ) throws -> Bool {
    var beats = self.beats
    if let tempo = settings.tempo {
      let period = 60 / tempo / self.step
      // Another tempo begins with this beat.
      if abs(period - (beats?.period ?? 0)) > 1e-6 {
        beats = Beats(origin: Double(column), period: period)
      }
    }
    let start = max(
      0, self.start(before: column - Self.kept * self.multiple, of: column, beats))
    let last = start + self.window - Self.leastNew * self.multiple
    // From here on it is certain what is kept.
    guard self.columns.hold(PaintedColumns.Hold(column: column, beats: beats, last: last))
    else { return false }
    do {
      if settings.seed != self.settings.seed { self.drawn = 0 }
      let request = self.request(
        settings, beats: beats, start: start, kept: column - start, steps: steps)
      self.work = Work(
        session: try self.painter.model.begin(request), start: start, fade: column..<column,
        settings: settings, beats: beats, changes: changes)
      return true
    } catch {
      self.columns.hold(nil)
      throw error
    }
  }

  /// Drops the window in the making.
  func drop() {
    self.work = nil
    self.columns.hold(nil)
  }

  /// The prompts of the window in the making that are too long to reach the model whole.
  var promptCuts: [PromptCut] { self.work?.session.promptCuts ?? [] }

  /// Where a window begins: on the last beat before a column, but not so early that nothing is new.
  private func start(before column: Int, of end: Int, _ beats: Beats?) -> Int {
    let beat = beats.map { Int($0.last(before: Double(column)).rounded()) } ?? column
    return max(end - self.window + self.multiple, beat)
  }

  /// Does the next unit of work; true once the window is finished and lies among the columns.
  ///
  /// - Parameters:
  ///   - due: when the listener runs out of sound.
  ///   - elapsed: called after a unit; returns the seconds since it began.
  ///   - heard: called with a window's changes and the column from which they are heard, before that is
  ///     read.
  /// - Throws: ``JobError`` of kind `failedPrecondition` where the model cannot keep up; the rooms' errors,
  ///   `CancellationError`, and what the closures throw.
  func advance(
    _ context: JobContext, due: Double?, elapsed: (DiffusionWork) throws -> Double,
    heard: (_ changes: [UInt32], _ column: Int) throws -> Void
  ) throws -> Bool {
    guard let work, let unit = work.session.next else { return false }
    let seconds = try self.painter.advance(
      work.session,
      need: Need(due: due, unit: self.painter.seconds(of: unit, work.session)), context
    ) { progress in
      if self.painted == 0 {
        try context.progress(JobStage(progress.stage), progress.step, of: progress.steps)
      } else {
        try context.checkCancellation()
      }
    }
    // In simulated time a unit may last shorter than the cores worked on it.
    let wall = try elapsed(unit)
    self.pace.add(unit, work.session.stepKinds, core: min(seconds, wall), wall: wall)
    try self.checkPace()
    guard work.session.next == nil else { return false }
    self.work = nil
    try self.finish(work, heard)
    return true
  }

  private func finish(
    _ work: Work, _ heard: (_ changes: [UInt32], _ column: Int) throws -> Void
  ) throws {
    let image = work.session.image
    var fade = work.fade
    if let changes = work.changes {
      // The jam may have been stopped meanwhile.
      guard let column = self.columns.settle() else { return }
      try heard(changes, column)
      fade = column..<max(column, min(column + Self.changeFade, self.columns.painted))
    }
    self.image = image
    self.columns.paint(image, at: work.start, fade: fade)
    self.painted += 1
    self.drawn &+= 1
    self.settings = work.settings
    self.beats = try work.beats ?? self.beats(of: image, at: work.start)
  }

  private func beats(of image: RasterImage, at start: Int) throws -> Beats? {
    try WindowBeat(parameters: self.parameters, multiple: self.multiple)
      .grid(of: image, bpm: self.settings.tempo)
      .map { Beats(origin: Double(start) + $0.first / self.step, period: $0.period / self.step) }
  }

  /// The last window as a picture.
  ///
  /// - Throws: `SpectrogramError`.
  func picture() throws -> SpectrogramPicture? {
    try self.image.map { image in
      try SpectrogramPicture(
        image: image, parameters: self.parameters, maximum: self.plan.card.maximum)
    }
  }

  // MARK: Time

  /// Seconds until a window would be painted that begins now; nil where none was.
  func seconds(steps: Int) -> Double? { self.pace.seconds(steps: steps) }

  /// As many steps as there is time for.
  func steps(within seconds: Double) -> Int {
    var steps = self.fullSteps
    while steps > self.leastSteps, let needed = self.seconds(steps: steps), needed > seconds {
      steps = max(self.leastSteps, steps * 3 / 4)
    }
    return steps
  }

  /// Sound that a window adds, in seconds.
  private var hop: Double {
    let beat = self.beats?.period ?? 0
    return self.step
      * max(Double(self.multiple), Double(self.window - Self.kept * self.multiple) - beat / 2)
  }

  /// - Throws: ``JobError`` of kind `failedPrecondition` where the cores alone, with nobody else, would not
  ///   be enough.
  private func checkPace() throws(JobError) {
    guard let needed = self.pace.coreSeconds(steps: self.leastSteps), needed > self.hop else {
      return
    }
    let factor = (self.hop / needed * 100).rounded() / 100
    throw JobError(
      .failedPrecondition,
      "the model “\(self.painter.name)” is too slow for a jam: it makes \(factor) seconds of sound a "
        + "second here, with \(self.leastSteps) steps; 1 would be needed")
  }
}

/// How long the parts of a window take: with the cores alone, and until others have had their turns.
private struct WindowPace {
  private struct Part {
    var core: Double
    var wall: Double
    var count = 1
  }

  private var encode: Part?
  private var condition: Part?
  private var steps: [StepKind: Part] = [:]
  private var decode: Part?
  /// Of the newest window's steps.
  private var kinds: [StepKind] = []

  /// The share of the newest measurement.
  private static let memory = 0.2
  /// Steps that have to be measured: the first ones read weights.
  private static let tellingSteps = 4

  mutating func add(_ work: DiffusionWork, _ kinds: [StepKind], core: Double, wall: Double) {
    self.kinds = kinds
    switch work {
    case .encode: Self.add(core, wall, to: &self.encode)
    case .condition: Self.add(core, wall, to: &self.condition)
    case .denoise(let step, _): Self.add(core, wall, to: &self.steps[kinds[step]])
    case .decode(_, let parts):
      Self.add(core * Double(parts), wall * Double(parts), to: &self.decode)
    }
  }

  private static func add(_ core: Double, _ wall: Double, to part: inout Part?) {
    guard var own = part else {
      part = Part(core: core, wall: wall)
      return
    }
    // The first one is no measure.
    let share = own.count == 1 ? 1 : Self.memory
    own.core += share * (core - own.core)
    own.wall += share * (wall - own.wall)
    own.count += 1
    part = own
  }

  func seconds(steps: Int) -> Double? {
    guard let step = self.step(\.wall), let condition, let decode else { return nil }
    return (self.encode?.wall ?? 0) + condition.wall + Double(steps) * step + decode.wall
  }

  /// Seconds of a step, the mean over a window's; a kind that none was made of yet takes as long as the dearest.
  /// Nil where no step was made.
  private func step(_ seconds: KeyPath<Part, Double>) -> Double? {
    let own = self.steps.mapValues { $0[keyPath: seconds] }
    guard let dearest = own.values.max(), !self.kinds.isEmpty else { return nil }
    return self.kinds.reduce(0) { $0 + (own[$1] ?? dearest) } / Double(self.kinds.count)
  }

  /// Seconds of the cores for a window, as far as they are known; nil before that says anything.
  func coreSeconds(steps: Int) -> Double? {
    guard self.steps.values.contains(where: { $0.count >= Self.tellingSteps }),
      let step = self.step(\.core)
    else { return nil }
    return (self.encode?.core ?? 0) + (self.condition?.core ?? 0) + Double(steps) * step
      + (self.decode?.core ?? 0)
  }
}
