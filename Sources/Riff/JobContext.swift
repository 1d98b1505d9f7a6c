import Cores
import Diffusion
import Provenance
import Spectrogram

/// A running job's way to its listener, used on the job's worker thread alone.
final class JobContext {
  let channel: JobChannel
  /// The job's place in the line for the cores.
  let seat: Seat
  private let id: UInt64
  private let ledger: JobLedger
  private var clock = StageClock()
  private var hadTurn = false
  /// The window that is being painted, from 1, and how many there are, 0 where that is not known; nil where
  /// there is only one.
  var window: (number: Int, count: Int)?

  init(_ entry: JobEntry, ledger: JobLedger) {
    self.id = entry.id
    self.seat = entry.seat
    self.channel = entry.channel
    self.ledger = ledger
  }

  /// Wall-clock seconds by stage so far.
  var timings: [(stage: JobStage, seconds: Double)] { self.clock.read() }

  /// The same way for another of the job's threads.
  var outlet: JobOutlet { JobOutlet(id: self.id, channel: self.channel, ledger: self.ledger) }

  /// Throws `CancellationError` once the job is cancelled.
  func checkCancellation() throws {
    try self.channel.checkCancellation()
  }

  /// Says what the job still needs of the cores before it asks for its next turn.
  func expect(_ need: Need) { self.seat.set(need) }

  /// Runs `body` with all cores when it is the job's turn. Before the first one, a job that has to wait
  /// says so.
  ///
  /// - Throws: `CancellationError`, and what `body` throws.
  func withTurn<R>(_ body: (Turn) throws -> R) throws -> R {
    try self.withSeat { try $0.withTurn(body) }
  }

  /// The same for a `body` that asks for its turns by itself.
  func withSeat<R>(_ body: (Seat) throws -> R) throws -> R {
    if !self.hadTurn {
      self.hadTurn = true
      if self.seat.ahead > 0 { try self.progress(.queued) }
    }
    return try body(self.seat)
  }

  /// Reports progress; entering another stage stops the clock of the one before.
  func progress(
    _ stage: JobStage, _ step: Int = 0, of steps: Int = 0, secondsDone: Double = 0
  ) throws {
    self.clock.enter(stage)
    var progress = JobProgress(
      stage: stage, step: step, steps: steps, secondsDone: secondsDone,
      queuePosition: stage == .queued ? self.seat.ahead : 0,
      secondsLeft: self.seat.secondsLeft)
    if let window {
      progress.window = window.number
      progress.windows = window.count
    }
    self.ledger.update(self.id, progress)
    try self.channel.send(.progress(progress))
  }

  /// Warns of a picture that does not say how it maps to sound.
  func warn(of picture: SpectrogramPicture) throws {
    guard !picture.hasEXIF else { return }
    try self.send(
      .warning("the picture has no spectrogram parameters in EXIF; using riffusion's"))
  }

  /// Warns of a prompt that is too long.
  func warn(of cut: PromptCut) throws {
    try self.send(
      .warning("\(cut.field): \(cut.tokens) tokens long; the model reads the first \(cut.kept)"))
  }

  /// Tells what is about to be made.
  func start(_ recipe: Recipe) throws {
    try self.send(.started(JobStart(id: self.id, recipe: recipe)))
  }

  /// Hands an event over, waiting while the listener is far behind. Not to be called in a turn with an
  /// event that has a payload.
  ///
  /// - Parameters:
  ///   - seconds: of sound in the event.
  ///   - patience: seconds to wait at most.
  func send(_ event: JobEvent, seconds: Double = 0, patience: Double = .infinity) throws {
    try self.channel.send(event, seconds: seconds, patience: patience)
    self.ledger.metrics.sent(event, seconds: seconds)
  }
}
