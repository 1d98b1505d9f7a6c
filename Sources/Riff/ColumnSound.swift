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

  private let samples: ColumnSamples
  private let encoder: any AudioStreamEncoder
  /// Of a piece whose end is known from the beginning.
  private var ends: Fade?
  /// When the first sound left, on the engine's clock.
  private var start: Double?

  /// - Parameters:
  ///   - first: the first window, whose loudness sets the level unless it is silent.
  ///   - recipe: what the file says of itself.
  ///   - pace: how fast the columns are played; nil: at their own step.
  /// - Throws: the rooms' errors.
  init(
    _ columns: PaintedColumns, first: SpectrogramPicture, output: OutputFormat,
    quality: RecoveryQuality, recipe: Recipe, pace: ColumnPace? = nil, pool: ComputePool
  ) throws {
    self.samples = try ColumnSamples(
      columns, parameters: first.parameters, quality: quality, pace: pace,
      level: LevelControl(channels: columns.channels), pool: pool)
    self.encoder = try output.makeEncoder(
      channels: columns.channels, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: self.samples.inputSampleRate,
      serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))
    self.prepare(for: first)
  }

  /// Looks at the next picture before its sound is made: the first one that is not silent sets the level.
  func prepare(for picture: SpectrogramPicture) { self.samples.prepare(for: picture) }

  /// Whether everything has been sent.
  private var isAtEnd: Bool { self.end.map { self.sent >= $0 } ?? false }
  /// When whoever hears it as it leaves runs out of it, on the engine's clock; nil where none has left.
  var due: Double? { self.start.map { $0 + Double(self.sent) / Double(SoundPath.sampleRate) } }

  /// Sends what can be made of the columns that are there.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func play(_ context: JobContext) throws {
    let rate = Double(SoundPath.sampleRate)
    while !self.isAtEnd, self.samples.canGoOn {
      context.expect(Need(due: context.seat.now, unit: 0.1))
      try context.withTurn { turn in
        try self.samples.make { try turn.checkpoint() }
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
      sampleCount: self.sent, channelCount: self.samples.channels, head: self.encoder.finalHead)
  }

  /// Ends the sound at a sample frame that is known from the beginning.
  func end(at count: Int, fadeMilliseconds: Int) {
    self.end = count
    self.ends = Fade(milliseconds: fadeMilliseconds, sampleCount: count)
  }

  /// Whether the next piece is finished.
  private var isReady: Bool {
    let left = self.end.map { $0 - self.sent } ?? .max
    return left > 0 && self.samples.waiting >= min(Self.piece, left)
  }

  /// The next piece's bytes; shorter at the end.
  private func takePiece() throws -> [UInt8] {
    let left = self.end.map { $0 - self.sent } ?? .max
    let piece = self.samples.take(min(Self.piece, left))
    self.sent += piece[0].count
    return try self.encoder.append(self.ends?.process(piece) ?? piece)
  }
}
