import AudioIO
import Cores
import Spectrogram

/// Columns that come one after another as samples at 48 kHz: one phase recovery, one level. It goes as far as
/// the columns are there.
///
/// Owned by one thread at a time.
final class ColumnSamples {
  /// As many as the columns have.
  let channels: Int

  private let columns: PaintedColumns
  private let recovery: PhaseRecoveryStream
  private let resampler: StreamResampler
  private var level: LevelControl
  /// Finished samples that have not been taken, (channel, sample).
  private var ready: [[Float]]
  /// Whether all are finished, of columns that have an end.
  private(set) var isFlushed = false

  /// - Parameters:
  ///   - parameters: of the columns.
  ///   - pace: how fast the columns are played; nil: at their own step.
  ///   - level: of as many channels as the columns have.
  /// - Throws: the rooms' errors.
  init(
    _ columns: PaintedColumns, parameters: SpectrogramParameters, quality: RecoveryQuality,
    pace: ColumnPace? = nil, level: LevelControl, pool: ComputePool
  ) throws {
    self.channels = columns.channels
    self.columns = columns
    self.recovery = try PhaseRecoveryStream(
      columns, parameters: parameters, effort: RecoveryEffort(quality), pool: pool,
      minimumBlock: PhaseRecoveryStream.blockFrames, pace: pace)
    self.resampler = try StreamResampler(
      from: self.recovery.sampleRate, to: SoundPath.sampleRate, channels: columns.channels)
    self.level = level
    self.ready = Array(repeating: [], count: columns.channels)
  }

  /// Rate of the sound before it is resampled, in hertz.
  var inputSampleRate: Int { self.recovery.sampleRate }
  /// Sample frames that are finished and have not been taken.
  var waiting: Int { self.ready[0].count }
  /// Whether the columns for more are there.
  var canGoOn: Bool {
    !self.isFlushed
      && (self.columns.isComplete || self.recovery.framesRequired <= self.columns.frames)
  }

  /// Looks at the next picture before its sound is made: where the level has no gain yet, the first one that is
  /// not silent sets it.
  func prepare(for picture: SpectrogramPicture) {
    self.level.prepare(
      for: picture, parameters: picture.parameters,
      duration: Double(picture.frames * picture.parameters.stepMilliseconds) / 1_000)
  }

  /// Makes more, of columns that are there.
  ///
  /// - Parameter check: called about once a round of recovery; what it throws ends the work.
  /// - Throws: the rooms' errors, and what `check` throws.
  func make(check: () throws -> Void) throws {
    if let samples = try self.recovery.next(check: check) {
      try self.add(self.level.process(self.resampler.append(samples)))
    } else if !self.isFlushed {
      self.isFlushed = true
      try self.add(self.level.process(self.resampler.finish()))
      self.add(self.level.finish())
    }
  }

  /// The next finished samples, `count` at most.
  func take(_ count: Int) -> [[Float]] {
    let taken = self.ready.map { Array($0.prefix(count)) }
    for channel in self.ready.indices { self.ready[channel].removeFirst(taken[channel].count) }
    return taken
  }

  private func add(_ samples: [[Float]]) {
    for (channel, values) in samples.enumerated() { self.ready[channel] += values }
  }
}
