import Cores
import Diffusion
import Dispatch
import Spectrogram

/// A jam as it plays. Three things go on: windows are painted, here, on the job's thread; their columns become
/// samples (``JamVoice``); and these are sent when they are due (``JamSender``). Each has a thread of its own
/// where the sound is paced, so that no unit of painting delays it. What they share is ``JamQueue`` and
/// the columns. Where the sound leaves as it is made they take turns on the job's thread: sound first, then a
/// unit of painting.
final class Jam {
  private let inbox: JamInbox
  private let windows: WindowPainter
  private let queue: JamQueue
  private let time: any JamTime
  private var sound: Sound?

  /// Changes that wait for the one before them to be painted.
  private var pending: [JamChange] = []

  /// The parts that make sound.
  struct Sound {
    let voice: JamVoice
    let sender: JamSender
  }

  /// Seconds that are to be painted ahead of what is read, at least, and windows at most.
  private static let ahead = 5.0
  private static let mostAhead = 2
  /// Between two looks at what has happened meanwhile, in seconds.
  private static let glance = 0.1
  /// What estimates of painting are taken times.
  private static let caution = 1.15
  /// Tries to place a change while columns are being read.
  private static let tries = 8

  init(inbox: JamInbox, windows: WindowPainter, queue: JamQueue, time: any JamTime) {
    self.inbox = inbox
    self.windows = windows
    self.queue = queue
    self.time = time
  }

  private var columns: PaintedColumns { self.windows.columns }

  /// Plays until it is stopped.
  ///
  /// - Parameter makeSound: gets the first window, the pool of the recovery, and how it may use that.
  /// - Throws: ``JobError``, the rooms' errors, `CancellationError`.
  func play(
    _ context: JobContext,
    _ makeSound: (SpectrogramPicture, ComputePool, @escaping JamVoice.Cores) throws -> Sound
  ) throws -> JobSummary {
    try self.windows.goOn(steps: self.windows.fullSteps)
    while self.windows.isPainting { try self.paint(context) }
    guard let first = try self.windows.picture() else {
      throw JobError(.internal, "the first window was not painted")
    }
    let sound: Sound
    if self.queue.isUnpaced {
      sound = try makeSound(first, context.seat.pool) { recover in
        context.expect(Need(unit: 0.1))
        return try context.withTurn { turn in try recover { try turn.checkpoint() } }
      }
    } else {
      // It takes no turns, and pays for its time all the same.
      let (queue, seat) = (self.queue, context.seat)
      sound = try makeSound(first, ComputePool(threads: 1)) { recover in
        let before = ThreadTime.seconds
        defer { seat.charge(threadSeconds: ThreadTime.seconds - before) }
        return try recover { try queue.check() }
      }
    }
    self.queue.note(self.windows.beats)
    try context.progress(.sound)
    if self.queue.isUnpaced || self.time.isSimulated {
      try self.playAlone(sound, context)
    } else {
      try self.playTogether(sound, context)
    }
    return JobSummary(
      sampleCount: self.queue.sent, channelCount: self.columns.channels,
      head: sound.sender.finalHead)
  }

  // MARK: On one thread

  private func playAlone(_ sound: Sound, _ context: JobContext) throws {
    self.sound = sound
    if self.time.isSimulated {
      sound.voice.elapse = { [unowned self] seconds in try self.passSending(seconds) }
    }
    self.inbox.connect(painter: self.queue.painter, sender: self.queue.painter)
    while let next = try self.makeSound() {
      switch try self.step(context) {
      case .went: continue
      case .ended: return
      case .waits(let until):
        let until = min(until, next)
        if self.time.isSimulated {
          self.time.pass(to: until)
        } else {
          self.queue.painter.wait(atMost: until - self.time.now)
        }
      }
    }
  }

  /// Makes and sends as much sound as can be now; returns when there may be more to do, nil at the end.
  private func makeSound() throws -> Double? {
    guard let sound, !self.queue.isOver else { return nil }
    while true {
      let sent = try sound.sender.step(at: self.time.now)
      if sent == .ended {
        self.queue.finish()
        return nil
      }
      let made = try sound.voice.step(at: self.time.now)
      if sent == .went || made == .went { continue }
      return [sent, made].compactMap { if case .waits(let until) = $0 { until } else { nil } }.min()
    }
  }

  /// Lets simulated time pass while a unit is painted; the sound goes on meanwhile.
  private func pass(_ seconds: Double) throws {
    let end = self.time.now + seconds
    guard self.sound != nil else { return self.time.pass(to: end) }
    while self.time.now < end, let next = try self.makeSound() {
      self.time.pass(to: min(next, end))
    }
  }

  /// Lets simulated time pass while a block is recovered; what is due is sent meanwhile.
  private func passSending(_ seconds: Double) throws {
    let end = self.time.now + seconds
    while self.time.now < end {
      switch try self.sound?.sender.step(at: self.time.now) ?? .ended {
      case .went: continue
      case .waits(let until): self.time.pass(to: min(until, end))
      case .ended:
        self.queue.finish()
        return self.time.pass(to: end)
      }
    }
  }

  // MARK: On three threads

  private func playTogether(_ sound: Sound, _ context: JobContext) throws {
    let (queue, time, seat) = (self.queue, self.time, context.seat)
    self.inbox.connect(painter: queue.painter, sender: queue.sender)
    // What is being painted when all is over is not needed.
    let end: @Sendable ((any Error)?) -> Void = { failure in
      queue.finish(failure)
      seat.cancel()
    }
    let others = DispatchGroup()
    let parts = Handover(sound)
    func start(_ body: @escaping @Sendable () throws -> Void) throws {
      others.enter()
      do {
        try WorkerThread.start {
          do { try body() } catch { end(error) }
          others.leave()
        }
      } catch {
        others.leave()
        throw error
      }
    }
    try context.channel.withCancellationWake({ end(CancellationError()) }) {
      do {
        try start { try Self.run(queue, queue.voice, time) { try parts.value.voice.step(at: $0) } }
        try start {
          try Self.run(queue, queue.sender, time) { try parts.value.sender.step(at: $0) }
          end(nil)
        }
        try Self.run(queue, queue.painter, time) { _ in try self.step(context) }
      } catch {
        end(error)
      }
      others.wait()
      if let failure = queue.failure { throw failure }
    }
  }

  /// Runs a part until it has ended, or all is over.
  private static func run(
    _ queue: JamQueue, _ bell: Bell, _ time: any JamTime, _ step: (Double) throws -> JamStep
  ) throws {
    while !queue.isOver {
      switch try step(time.now) {
      case .went: continue
      case .ended: return
      case .waits(let until): bell.wait(atMost: until - time.now)
      }
    }
  }

  // MARK: The picture

  /// Hears the caller, and paints a unit.
  private func step(_ context: JobContext) throws -> JamStep {
    try context.checkCancellation()
    guard !self.queue.isOver else { return .ended }
    try self.readChanges(context)
    if self.columns.isClosing {
      self.pending = []
      if self.windows.isChanging { self.windows.drop() }
    }
    guard !self.columns.isComplete, try self.windows.isPainting || self.goOn(context) else {
      return .waits(until: self.time.now + Self.glance)
    }
    do {
      try self.paint(context)
    } catch let error as DiffusionError where self.windows.isChanging {
      try self.refuse(self.windows.changes, error, context)
    }
    return .went
  }

  private func paint(_ context: JobContext) throws {
    let before = self.time.now
    let sampleCount = SoundStage.sampleCount(
      columns: 1, stepMilliseconds: self.windows.columnMilliseconds)
    let isFinished = try self.windows.advance(
      context, due: self.queue.due(at: before),
      elapsed: { unit in
        if self.time.isSimulated {
          if case .denoise = unit {
            try self.pass(self.time.cost(of: .step))
          } else {
            try self.pass(self.time.cost(of: .otherPainting))
          }
        }
        return self.time.now - before
      },
      heard: { changes, column in
        for id in changes { try context.send(.changed(id: id, sample: column * sampleCount)) }
      })
    guard isFinished else { return }
    self.queue.note(self.windows.beats)
    self.queue.voice.ring()
  }

  /// Begins the next window; false where enough is painted.
  private func goOn(_ context: JobContext) throws -> Bool {
    let seconds = Double(self.columns.painted - self.columns.read) * self.windows.step
    let needed = self.windows.seconds(steps: self.windows.fullSteps) ?? 0
    let most = Double(Self.mostAhead * self.windows.window) * self.windows.step
    guard seconds < min(Self.ahead + 2 * needed, most) else { return false }
    try self.windows.goOn(steps: self.steps(before: self.columns.painted, context))
    return true
  }

  /// As many steps as there is time for before the columns from one on are needed.
  private func steps(before column: Int, _ context: JobContext) throws -> Int {
    let now = self.time.now
    let time = self.time(before: column, at: now)
    let steps = self.windows.steps(within: time)
    let full = self.windows.fullSteps
    let least = self.windows.seconds(steps: self.windows.leastSteps) ?? 0
    let level: JamQuality.Level =
      steps == full ? .full : least > time ? .draft : .fewerSteps
    if let warning = self.queue.note(level, steps: (steps, full), at: now) {
      try context.send(.warning(warning))
    }
    return steps
  }

  /// Seconds that painting may be estimated to take, if the columns from one on are to come in time.
  private func time(before column: Int, at now: Double) -> Double {
    self.queue.seconds(before: column, step: self.windows.step, at: now) / Self.caution
  }

  // MARK: The caller

  private func readChanges(_ context: JobContext) throws {
    let mail = self.inbox.takeChanges()
    for reason in mail.refusals { try context.send(.warning(reason)) }
    self.pending += mail.changes
    guard !self.pending.isEmpty, !self.columns.isClosing, !self.windows.isChanging else { return }
    let least = self.windows.seconds(steps: self.windows.leastSteps) ?? 0
    // The window in the making may be needed before a change could be there.
    if self.windows.isPainting, self.time(before: self.columns.painted, at: self.time.now) < least {
      return
    }
    let changes = self.pending
    do {
      if try self.begin(changes, context) { self.pending = [] }
    } catch let error as DiffusionError {
      self.pending = []
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

  /// Begins to paint changes, from the beat on at which they are to be heard; false where the sound was
  /// faster each time.
  private func begin(_ changes: [JamChange], _ context: JobContext) throws -> Bool {
    self.windows.drop()
    var settings = self.windows.settings
    for change in changes { settings.apply(change) }
    for _ in 0..<Self.tries {
      let now = self.time.now
      let column = self.placement(at: now).column { self.time(before: $0, at: now) }
      let steps = try self.steps(before: column, context)
      guard try self.windows.change(to: settings, changes.map(\.id), at: column, steps: steps)
      else { continue }
      for cut in self.windows.promptCuts { try context.warn(of: cut) }
      return true
    }
    return false
  }

  private func placement(at now: Double) -> JamPlacement {
    JamPlacement(
      read: self.columns.read, painted: self.columns.painted,
      playhead: self.queue.playhead(at: now) / self.windows.step, step: self.windows.step,
      beats: self.windows.beats,
      fullSeconds: self.windows.seconds(steps: self.windows.fullSteps) ?? 0,
      leastSeconds: self.windows.seconds(steps: self.windows.leastSteps) ?? 0)
  }
}

/// Hands something over to the threads that use it from then on.
private struct Handover<Value>: @unchecked Sendable {
  // Of a jam's sound, one thread uses the voice and another the sender; what both touch is Sendable. Whoever
  // made them only looks at them when both threads have ended.
  let value: Value

  init(_ value: Value) { self.value = value }
}
