import AudioIO
import Cores
import Provenance
import Spectrogram

/// The way from columns that come one after another to the bytes of one stream: one phase recovery, one
/// level, one encoder.
///
/// Owned by one thread at a time.
final class ColumnSound {
  /// Sample frames of a piece: an Ogg page's, so that each piece is one page.
  static let piece = 9_600

  /// Sample frames that have gone to the encoder.
  private(set) var sent = 0
  /// Where the sound ends, in sample frames; nil: nowhere yet.
  private(set) var end: Int?

  private let recovery: PhaseRecoveryStream
  private let resampler: StreamResampler
  private let encoder: any AudioStreamEncoder
  private var level: LevelControl
  /// Finished samples that have not been sent, (channel, sample).
  private var ready: [[Float]]
  /// Of a piece whose end is known from the beginning.
  private var ends: Fade?
  /// Whether all is ready, of columns that have an end.
  private var isFlushed = false

  /// - Parameters:
  ///   - first: the first window, whose loudness sets the level to begin with.
  ///   - recipe: what the file says of itself.
  /// - Throws: the rooms' errors.
  init(
    _ columns: PaintedColumns, first: SpectrogramPicture, output: OutputFormat,
    quality: RecoveryQuality, recipe: Recipe, pool: ComputePool
  ) throws {
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
    self.level.prepare(
      for: first, parameters: first.parameters,
      duration: Double(first.frames * first.parameters.stepMilliseconds) / 1_000)
    self.ready = Array(repeating: [], count: columns.channels)
  }

  /// Columns that there have to be before more sound can be made.
  var columnsRequired: Int { self.recovery.framesRequired }
  /// Finished sample frames that have not been sent.
  var waiting: Int { self.ready[0].count }
  /// Whether everything has been sent.
  var isAtEnd: Bool { self.end.map { self.sent >= $0 } ?? false }
  var finalHead: [UInt8] { self.encoder.finalHead }

  /// Makes more sound, of columns that are there.
  ///
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

  private func add(_ samples: [[Float]]) {
    for (channel, values) in samples.enumerated() { self.ready[channel] += values }
  }

  /// Ends the sound at a sample frame that is known from the beginning.
  func end(at count: Int, fadeMilliseconds: Int) {
    self.end = count
    self.ends = Fade(milliseconds: fadeMilliseconds, sampleCount: count)
  }

  /// Whether the next piece is finished.
  var isReady: Bool {
    let left = self.end.map { $0 - self.sent } ?? .max
    return left > 0 && self.waiting >= min(Self.piece, left)
  }

  /// The next piece's bytes; shorter at the end.
  ///
  /// - Throws: `AudioIOError`.
  func takePiece() throws -> [UInt8] {
    let count = min(Self.piece, self.waiting, self.end.map { $0 - self.sent } ?? .max)
    var piece = self.ready.map { Array($0.prefix(count)) }
    for channel in self.ready.indices { self.ready[channel].removeFirst(count) }
    piece = self.ends?.process(piece) ?? piece
    self.sent += count
    return try self.encoder.append(piece)
  }

  /// The rest of the stream.
  ///
  /// - Throws: `AudioIOError`.
  func finish() throws -> [UInt8] { try self.encoder.finish() }
}
