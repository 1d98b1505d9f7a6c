import AudioIO
import Cores
import Spectrogram

/// The part of a jam that turns columns into samples, in short blocks, a little ahead of what is sent.
///
/// The sound of a paced jam is little work, and due: it is made on a thread of its own with that one core,
/// and does not wait for the turns of painting. Owned by one thread at a time.
final class JamVoice {
  /// Runs a recovery where the cores may be used; its check is called about once a round.
  typealias Cores = (
    _ recover: (_ check: () throws -> Void) throws -> [[Float]]?
  ) throws -> [[Float]]?

  /// Sample frames that are made ahead of what is sent, and before the first leave.
  private static let ahead = JamSender.piece
  private static let aheadAtFirst = Int(JamClock.lead * Double(SoundPath.sampleRate))
  /// Seconds ahead of the listener under which the work itself must be too much, as long as there is
  /// something to work on; and the share of the time that it may take.
  private static let shortSlack = 0.3
  private static let longestShare = 0.8
  /// The share of a new measurement of that, where it is more and where it is less.
  private static let (memoryOfMore, memoryOfLess) = (0.5, 0.1)
  /// Between two looks at columns that did not come, in seconds.
  private static let glance = 0.1

  private let columns: PaintedColumns
  private let queue: JamQueue
  private let time: any JamTime
  private let outlet: JobOutlet
  private let cores: Cores
  private let recovery: PhaseRecoveryStream
  private let resampler: StreamResampler
  private var level: LevelControl
  private let fullRounds: Int
  /// Seconds of a block's sound, and those that a block would take in all its rounds.
  private let blockSeconds: Double
  private var fullSeconds = 0.0
  /// Lets the seconds pass that a block took, where time is simulated.
  var elapse: ((Double) throws -> Void)?
  /// Whether columns were missing since the sound was last as far ahead as it should be.
  private var hasStarved = false

  /// - Parameters:
  ///   - first: the first window, whose loudness sets the level to begin with.
  ///   - pool: of the recovery.
  /// - Throws: the rooms' errors.
  init(
    _ columns: PaintedColumns, first: SpectrogramPicture, quality: RecoveryQuality,
    pool: ComputePool, queue: JamQueue, time: any JamTime, outlet: JobOutlet,
    cores: @escaping Cores
  ) throws {
    self.columns = columns
    self.queue = queue
    self.time = time
    self.outlet = outlet
    self.cores = cores
    self.recovery = try PhaseRecoveryStream(
      columns, parameters: first.parameters, effort: RecoveryEffort(quality), pool: pool,
      minimumBlock: 1)
    self.fullRounds = self.recovery.rounds
    self.blockSeconds =
      Double(self.recovery.framesAtOnce * first.parameters.stepMilliseconds) / 1_000
    self.resampler = try StreamResampler(
      from: self.recovery.sampleRate, to: SoundPath.sampleRate, channels: columns.channels)
    self.level = LevelControl(channels: columns.channels, follows: true)
    self.level.prepare(
      for: first, parameters: first.parameters,
      duration: Double(first.frames * first.parameters.stepMilliseconds) / 1_000)
    self.note()
  }

  /// Rate of the sound before it is resampled, in hertz.
  var inputSampleRate: Int { self.recovery.sampleRate }

  /// Makes a block, if there is room for it and its columns are there.
  ///
  /// - Throws: the rooms' errors, and what the cores' check throws.
  func step(at now: Double) throws -> JamStep {
    if self.queue.isFlushed { return .ended }
    if let end = self.queue.end, self.queue.made >= end { return .ended }
    let ahead =
      self.queue.isUnpaced || self.queue.hasBegun ? Self.ahead : Self.aheadAtFirst
    guard self.queue.waiting < ahead else { return .waits(until: now + Self.glance) }
    guard try self.claim(at: now) else {
      self.hasStarved = true
      return .waits(until: now + min(Self.glance, max(0.002, self.spare(at: now))))
    }
    try self.watch(at: now)
    let rounds = self.queue.level == .draft ? self.fullRounds / 3 : self.fullRounds
    self.recovery.rounds = rounds
    let samples = try self.cores { check in try self.recovery.next(check: check) }
    try self.elapse?(self.time.cost(of: .recovery(rounds: rounds)))
    self.measure(self.time.now - now, rounds: rounds)
    if let samples {
      self.note(seconds: self.queue.isUnpaced ? nil : self.time.now - now)
      try self.queue.append(self.level.process(self.resampler.append(samples)))
    } else {
      var last = try self.level.process(self.resampler.finish())
      for (channel, values) in self.level.finish().enumerated() { last[channel] += values }
      self.queue.append(last, isLast: true)
    }
    // What has been read can be painted no more.
    self.queue.painter.ring()
    return .went
  }

  /// Claims the columns of the next block. Where a change keeps it from them for too long, the change is
  /// heard later.
  private func claim(at now: Double) throws -> Bool {
    let (count, required) = (self.recovery.framesReadNext, self.recovery.framesRequired)
    if self.columns.claim(count, requiring: required) { return true }
    guard self.spare(at: now) <= 0, self.columns.postpone(past: required) else { return false }
    return self.columns.claim(count, requiring: required)
  }

  /// Seconds until the next block has to be begun.
  private func spare(at now: Double) -> Double { self.queue.slack(at: now) - self.queue.margin }

  /// Steps down where the sound comes too slowly though its columns are there.
  private func watch(at now: Double) throws {
    let slack = self.queue.slack(at: now)
    if slack >= Self.shortSlack { self.hasStarved = false }
    guard !self.queue.isUnpaced,
      slack < Self.shortSlack && !self.hasStarved
        || self.fullSeconds > Self.longestShare * self.blockSeconds
    else { return }
    if let warning = self.queue.note(.draft, at: now) { try self.outlet.send(.warning(warning)) }
  }

  private func measure(_ seconds: Double, rounds: Int) {
    let full = seconds * Double(self.fullRounds) / Double(max(1, rounds))
    let share = full > self.fullSeconds ? Self.memoryOfMore : Self.memoryOfLess
    self.fullSeconds += share * (full - self.fullSeconds)
  }

  private func note(seconds: Double? = nil) {
    self.queue.note(
      JamQueue.Reach(
        done: self.recovery.framesDone, required: self.recovery.framesRequired,
        block: self.recovery.framesAtOnce),
      seconds: seconds)
  }
}
