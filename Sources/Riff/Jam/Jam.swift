import Cores
import Diffusion
import Spectrogram

/// A jam as it plays: sound goes first when it is due, else the next unit of a window is painted, else it
/// waits for the clock or its caller.
///
/// Owned by the job's thread.
final class Jam {
  private let inbox: JamInbox
  private let windows: WindowPainter
  private var clock: JamClock
  private let idleSeconds: Double
  private let isClosing: () -> Bool

  /// Changes that wait for the one before them to be painted.
  private var pending: [JamChange] = []
  private var isStopping = false
  /// Whether it was said that others make quality step down, and when.
  private var warned: Double?
  private var isHurried = false
  /// Whether the listener has nothing left to hear.
  private var hasRunDry = false
  private var lastSent = 0.0

  /// A change is heard at the latest so many seconds after it came.
  private static let latest = 1.5
  /// Seconds that are to be painted ahead of what is read, at least.
  private static let ahead = 2.0
  /// Between two looks at whether it was cancelled, and between two warnings, in seconds.
  private static let glance = 0.1
  private static let warningInterval = 30.0
  /// A jam that is stopped sounds on for so long at least, and without a beat just as long.
  private static let shortestEnd = 0.25
  private static let plainEnd = 0.5
  /// What estimates of painting are taken times.
  private static let caution = 1.15

  init(
    inbox: JamInbox, windows: WindowPainter, clock: JamClock, idleSeconds: Double,
    isClosing: @escaping () -> Bool
  ) {
    self.inbox = inbox
    self.windows = windows
    self.clock = clock
    self.idleSeconds = idleSeconds
    self.isClosing = isClosing
  }

  /// Plays until it is stopped.
  ///
  /// - Parameter makeSound: gets the first window.
  /// - Throws: ``JobError``, the rooms' errors, `CancellationError`.
  func play(
    _ context: JobContext, _ makeSound: (SpectrogramPicture) throws -> ColumnSound
  ) throws -> JobSummary {
    try self.windows.goOn(steps: self.windows.fullSteps)
    while self.windows.isPainting {
      _ = try self.windows.advance(context, read: 0, due: nil)
    }
    guard let first = try self.windows.picture() else {
      throw JobError(.internal, "the first window was not painted")
    }
    let sound = try makeSound(first)
    try context.progress(.sound)
    self.lastSent = context.seat.now
    while !sound.isAtEnd {
      try context.checkCancellation()
      try self.readMail(sound, context)
      if try self.sendDue(sound, context) || self.paint(sound, context) { continue }
      try self.wait(sound, context)
    }
    let rest = try sound.finish()
    if !rest.isEmpty { try context.send(.audio(rest), patience: self.idleSeconds) }
    return JobSummary(
      sampleCount: sound.sent, channelCount: self.windows.columns.channels, head: sound.finalHead)
  }

  // MARK: The caller

  private func readMail(_ sound: ColumnSound, _ context: JobContext) throws {
    let mail = self.inbox.take()
    for reason in mail.refusals { try context.send(.warning(reason)) }
    if let played = mail.played {
      self.clock.note(
        played: Double(played) / Double(SoundPath.sampleRate), sent: self.sent(sound),
        at: context.seat.now)
    }
    self.pending += mail.changes
    if (mail.stops || self.isClosing()) && !self.isStopping {
      self.isStopping = true
      self.pending = []
      self.windows.drop()
      self.stop(sound, at: context.seat.now)
    }
    guard !self.isStopping, !self.windows.isChanging, !self.pending.isEmpty else { return }
    let changes = self.pending
    self.pending = []
    do {
      try self.begin(changes, sound, context)
    } catch let error as DiffusionError {
      try self.refuse(changes.map(\.id), error, context)
    }
  }

  /// Tells that changes will not be made, where that is their fault.
  private func refuse(_ ids: [UInt32], _ error: DiffusionError, _ context: JobContext) throws {
    guard case .invalidArgument = error.kind else { throw error }
    self.windows.drop()
    let names = ids.map(String.init).joined(separator: ", ")
    try context.send(.warning("change \(names) was refused: \(JobError(error))"))
  }

  /// Begins to paint changes, from the beat on at which they are to be heard.
  private func begin(_ changes: [JamChange], _ sound: ColumnSound, _ context: JobContext) throws {
    self.windows.drop()
    var settings = self.windows.settings
    for change in changes { settings.apply(change) }
    let (column, seconds) = self.place(sound, at: context.seat.now)
    let steps = self.windows.steps(within: seconds / Self.caution)
    try self.tell(steps, context)
    try self.windows.change(to: settings, changes.map(\.id), at: column, steps: steps)
    for cut in self.windows.promptCuts {
      try context.send(
        .warning(
          "\(cut.field): \(cut.tokens) tokens long; the model reads the first \(cut.kept)"))
    }
  }

  /// The column from which a change that comes now is heard, and the seconds there are to paint it.
  private func place(_ sound: ColumnSound, at now: Double) -> (column: Int, seconds: Double) {
    let step = self.windows.step
    let played = self.clock.playhead(sent: self.sent(sound), at: now) / step
    func seconds(before column: Int) -> Double {
      self.clock.isUnpaced || sound.sent == 0
        ? .infinity : (Double(sound.columnsDone(of: column)) - played) * step
    }
    // What is read already stays, and what is not painted cannot be faded out of.
    let earliest = max(sound.columnsRead, 1)
    let painted = self.windows.columns.painted - 1
    let latest = max(earliest, min(Int(played + Self.latest / step), painted))
    let needed = (self.windows.seconds(steps: self.windows.fullSteps) ?? 0) * Self.caution
    guard let beats = self.windows.beats else {
      // Nothing to wait for but the painting.
      var column = earliest
      while column < latest, seconds(before: column) < needed { column += 1 }
      return (column, seconds(before: column))
    }
    var choice = latest
    var beat = beats.next(after: Double(earliest))
    while Int(beat.rounded()) <= latest {
      choice = Int(beat.rounded())
      if seconds(before: choice) >= needed { break }
      beat += beats.period
    }
    return (choice, seconds(before: choice))
  }

  /// Ends the sound on the next beat, or a moment later where there is none soon.
  private func stop(_ sound: ColumnSound, at now: Double) {
    guard sound.sent > 0 else { return sound.end(after: 0) }
    let rate = Double(SoundPath.sampleRate)
    var seconds = Self.plainEnd
    if let beats = self.windows.beats, !self.isClosing() {
      let soonest = self.sent(sound) + Self.shortestEnd
      let beat = beats.next(after: soonest / self.windows.step) * self.windows.step
      let played = self.clock.playhead(sent: self.sent(sound), at: now)
      if beat <= played + Self.latest { seconds = beat - self.sent(sound) }
    }
    sound.end(after: max(1, Int((seconds * rate).rounded())))
  }

  // MARK: The sound

  private func sent(_ sound: ColumnSound) -> Double {
    Double(sound.sent) / Double(SoundPath.sampleRate)
  }

  /// Sends or makes sound that is due; false where there is nothing that could be sent now.
  private func sendDue(_ sound: ColumnSound, _ context: JobContext) throws -> Bool {
    let rate = SoundPath.sampleRate
    let piece = min(ColumnSound.piece, sound.end.map { $0 - sound.sent } ?? .max)
    let limit = self.clock.limit(sent: self.sent(sound), at: context.seat.now)
    guard Double(sound.sent + piece) <= limit * Double(rate) + 0.5 else { return false }
    if sound.waiting >= piece {
      let bytes = try sound.takePiece()
      if !bytes.isEmpty {
        try context.send(
          .audio(bytes), seconds: Double(piece) / Double(rate), patience: self.idleSeconds)
      }
      self.clock.begin(at: context.seat.now)
      self.lastSent = context.seat.now
      self.hasRunDry = false
      try context.progress(.sound, secondsDone: self.sent(sound))
      return true
    }
    self.noteUnderrun(sound, context)
    guard
      sound.columnsRequired <= self.windows.columns.frames || self.windows.columns.isComplete
    else { return false }
    context.expect(Need(due: self.due(sound, context), unit: 0.1))
    try context.withTurn { turn in
      try sound.make(isHurried: self.isHurried) { try turn.checkpoint() }
    }
    return true
  }

  /// Counts, once, that the listener has heard all while the next piece is still to be made.
  private func noteUnderrun(_ sound: ColumnSound, _ context: JobContext) {
    guard !self.hasRunDry, sound.sent > 0,
      let due = self.due(sound, context), due <= context.seat.now
    else { return }
    self.hasRunDry = true
    context.noteUnderrun()
  }

  /// When the listener runs out of sound.
  private func due(_ sound: ColumnSound, _ context: JobContext) -> Double? {
    guard !self.clock.isUnpaced else { return nil }
    let now = context.seat.now
    let sent = self.sent(sound)
    return now + sent - self.clock.playhead(sent: sent, at: now)
  }

  // MARK: The picture

  /// Paints a unit; false where enough is painted.
  private func paint(_ sound: ColumnSound, _ context: JobContext) throws -> Bool {
    if !self.windows.isPainting {
      if self.hasEnough(for: sound) { return false }
      let left = self.windows.columns.painted - sound.columnsRead
      let seconds = Double(left) * self.windows.step
      let needed = self.windows.seconds(steps: self.windows.fullSteps) ?? 0
      guard seconds < Self.ahead + 2 * needed else { return false }
      // A block is read before all of it sounds.
      let steps =
        self.clock.isUnpaced
        ? self.windows.fullSteps
        : self.windows.steps(
          within: (Double(self.windows.columns.painted - sound.columnsRequired)
            * self.windows.step + JamClock.lead) / Self.caution)
      try self.tell(steps, context)
      try self.windows.goOn(steps: steps)
    }
    do {
      let made = try self.windows.advance(
        context, read: sound.columnsRead, due: self.due(sound, context))
      if let made {
        let sample =
          made.column
          * SoundStage.sampleCount(
            columns: 1, stepMilliseconds: self.windows.columnMilliseconds)
        for id in made.changes { try context.send(.changed(id: id, sample: sample)) }
      }
    } catch let error as DiffusionError where self.windows.isChanging {
      try self.refuse(self.windows.changes, error, context)
    }
    return true
  }

  /// Whether a jam that ends has all the columns that it takes.
  private func hasEnough(for sound: ColumnSound) -> Bool {
    guard let end = sound.end else { return false }
    let step = SoundStage.sampleCount(
      columns: 1, stepMilliseconds: self.windows.columnMilliseconds)
    let columns = max((end + step - 1) / step, sound.columnsRead)
    guard columns <= self.windows.columns.painted else { return false }
    self.windows.columns.end(at: columns)
    return true
  }

  /// Says so where others leave no time for all steps.
  private func tell(_ steps: Int, _ context: JobContext) throws {
    let now = context.seat.now
    self.isHurried = steps < self.windows.fullSteps
    guard self.isHurried, self.warned.map({ now - $0 > Self.warningInterval }) ?? true else {
      return
    }
    self.warned = now
    try context.send(
      .warning(
        "there is no time for full quality: painting in \(steps) of \(self.windows.fullSteps) steps, "
          + "with a third of the work on the sound"))
  }

  // MARK: Waiting

  /// Waits for the clock, the caller, or the listener.
  private func wait(_ sound: ColumnSound, _ context: JobContext) throws {
    let now = context.seat.now
    guard now - self.lastSent < self.idleSeconds else {
      throw JobError(
        .abandoned, "nobody has played the jam for \(Int(self.idleSeconds)) seconds")
    }
    let limit = self.clock.limit(sent: self.sent(sound), at: now)
    let due = self.sent(sound) + Double(ColumnSound.piece) / Double(SoundPath.sampleRate) - limit
    self.inbox.wait(atMost: min(Self.glance, max(0.002, due)))
  }
}
