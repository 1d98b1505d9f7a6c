import AudioIO
import Cores
import Provenance
import Spectrogram

/// The way from columns that come one after another to the bytes of one stream: one phase recovery, one
/// level, one encoder. It leaves as far as the columns are there (``play(_:)``).
///
/// Owned by one thread at a time.
final class ColumnSound {
  /// Sample frames of a piece: an Ogg page's, so that each piece is one page.
  static let piece = 9_600

  /// Sample frames that have gone to the encoder.
  private(set) var sent = 0
  /// Where the sound ends, in sample frames; nil: nowhere yet.
  private(set) var end: Int?

  private let columns: PaintedColumns
  private let recovery: PhaseRecoveryStream
  private let resampler: StreamResampler
  private let encoder: any AudioStreamEncoder
  private var level: LevelControl
  /// Finished samples that have not been sent, (channel, sample).
  private var ready: [[Float]]
  /// Of a piece whose end is known from the beginning.
  private var ends: Fade?
  /// When the first sound left, on the engine's clock.
  private var start: Double?
  /// Whether all is ready, of columns that have an end.
  private var isFlushed = false

  /// - Parameters:
  ///   - first: the first window, whose loudness sets the level unless it is silent.
  ///   - recipe: what the file says of itself.
  /// - Throws: the rooms' errors.
  init(
    _ columns: PaintedColumns, first: SpectrogramPicture, output: OutputFormat,
    quality: RecoveryQuality, recipe: Recipe, pool: ComputePool
  ) throws {
    self.columns = columns
    self.recovery = try PhaseRecoveryStream(
      columns, parameters: first.parameters, effort: RecoveryEffort(quality), pool: pool,
      minimumBlock: PhaseRecoveryStream.blockFrames)
    self.resampler = try StreamResampler(
      from: self.recovery.sampleRate, to: SoundPath.sampleRate, channels: columns.channels)
    self.encoder = try output.makeEncoder(
      channels: columns.channels, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: self.recovery.sampleRate,
      serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))
    self.level = LevelControl(channels: columns.channels)
    self.ready = Array(repeating: [], count: columns.channels)
    self.prepare(for: first)
  }

  /// Looks at the next picture before its sound is made: the first one that is not silent sets the level.
  func prepare(for picture: SpectrogramPicture) {
    self.level.prepare(
      for: picture, parameters: picture.parameters,
      duration: Double(picture.frames * picture.parameters.stepMilliseconds) / 1_000)
  }

  /// Columns that there have to be before more sound can be made.
  private var columnsRequired: Int { self.recovery.framesRequired }
  /// Finished sample frames that have not been sent.
  private var waiting: Int { self.ready[0].count }
  /// Whether everything has been sent.
  private var isAtEnd: Bool { self.end.map { self.sent >= $0 } ?? false }
  /// When whoever hears it as it leaves runs out of it, on the engine's clock; nil where none has left.
  var due: Double? { self.start.map { $0 + Double(self.sent) / Double(SoundPath.sampleRate) } }

  /// Sends what can be made of the columns that are there.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func play(_ context: JobContext) throws {
    let rate = Double(SoundPath.sampleRate)
    while !self.isAtEnd, self.columns.isComplete || self.columnsRequired <= self.columns.frames {
      context.expect(Need(due: context.seat.now, unit: 0.1))
      try context.withTurn { turn in
        try self.make { try turn.checkpoint() }
      }
      while self.isReady {
        let before = self.sent
        let bytes = try self.takePiece()
        if !bytes.isEmpty {
          try context.send(.audio(bytes), seconds: Double(self.sent - before) / rate)
          self.start = self.start ?? context.seat.now
        }
        try context.progress(.sound, secondsDone: Double(self.sent) / rate)
      }
    }
  }

  /// Sends the rest of the stream, and returns what was made.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func finish(_ context: JobContext) throws -> JobSummary {
    let rest = try self.encoder.finish()
    if !rest.isEmpty { try context.send(.audio(rest)) }
    return JobSummary(
      sampleCount: self.sent, channelCount: self.columns.channels, head: self.encoder.finalHead)
  }

  /// Makes more sound, of columns that are there.
  private func make(check: () throws -> Void) throws {
    if let samples = try self.recovery.next(check: check) {
      try self.add(self.level.process(self.resampler.append(samples)))
    } else if !self.isFlushed {
      self.isFlushed = true
      try self.add(self.level.process(self.resampler.finish()))
      self.add(self.level.finish())
    }
  }

  private func add(_ samples: [[Float]]) {
    for (channel, values) in samples.enumerated() { self.ready[channel] += values }
  }

  /// Ends the sound at a sample frame that is known from the beginning.
  func end(at count: Int, fadeMilliseconds: Int) {
    self.end = count
    self.ends = Fade(milliseconds: fadeMilliseconds, sampleCount: count)
  }

  /// Whether the next piece is finished.
  private var isReady: Bool {
    let left = self.end.map { $0 - self.sent } ?? .max
    return left > 0 && self.waiting >= min(Self.piece, left)
  }

  /// The next piece's bytes; shorter at the end.
  private func takePiece() throws -> [UInt8] {
    let count = min(Self.piece, self.waiting, self.end.map { $0 - self.sent } ?? .max)
    var piece = self.ready.map { Array($0.prefix(count)) }
    for channel in self.ready.indices { self.ready[channel].removeFirst(count) }
    piece = self.ends?.process(piece) ?? piece
    self.sent += count
    return try self.encoder.append(piece)
  }
}
