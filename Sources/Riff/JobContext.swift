import Provenance
import Spectrogram

/// A running job's way to its listener, used on the job's worker thread alone.
final class JobContext {
  let channel: JobChannel
  private let id: UInt64
  private let ledger: JobLedger
  private var clock = StageClock()

  init(id: UInt64, channel: JobChannel, ledger: JobLedger) {
    self.id = id
    self.channel = channel
    self.ledger = ledger
  }

  /// Wall-clock seconds by stage so far.
  var timings: [(stage: JobStage, seconds: Double)] { self.clock.read() }

  /// Throws `CancellationError` once the job is cancelled.
  func checkCancellation() throws {
    try self.channel.checkCancellation()
  }

  /// Reports progress; entering another stage stops the clock of the one before.
  func progress(
    _ stage: JobStage, _ step: Int = 0, of steps: Int = 0, secondsDone: Double = 0
  ) throws {
    self.clock.enter(stage)
    let progress = JobProgress(stage: stage, step: step, steps: steps, secondsDone: secondsDone)
    self.ledger.update(self.id, progress)
    try self.channel.send(.progress(progress))
  }

  /// Warns of a picture that does not say how it maps to sound.
  func warn(of picture: SpectrogramPicture) throws {
    guard !picture.hasEXIF else { return }
    try self.send(
      .warning("the picture has no spectrogram parameters in EXIF; using riffusion's"))
  }

  /// Tells what is about to be made.
  func start(_ recipe: Recipe) throws {
    try self.send(.started(JobStart(id: self.id, recipe: recipe)))
  }

  /// Hands an event over, waiting while the listener is far behind.
  func send(_ event: JobEvent) throws {
    try self.channel.send(event)
  }
}
