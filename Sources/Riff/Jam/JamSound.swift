import AudioIO
import Cores
import Provenance
import Spectrogram

/// A jam's way from columns to the bytes of its one stream: one phase recovery, one level, one encoder,
/// in pieces short enough to be steered.
///
/// Owned by one thread at a time.
final class JamSound {
  /// Sample frames of a piece: an Ogg page's, so that each piece is one page.
  static let piece = 9_600
  /// Sample frames over which a jam that is stopped fades out, at most.
  private static let longestFade = 24_000

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
  private var fade = 0
  private let fullRounds: Int
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
      minimumBlock: 1)
    self.fullRounds = self.recovery.rounds
    self.resampler = try StreamResampler(
      from: self.recovery.sampleRate, to: SoundPath.sampleRate, channels: columns.channels)
    self.encoder = try output.makeEncoder(
      channels: columns.channels, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: self.recovery.sampleRate,
      serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))
    self.level = LevelControl(channels: columns.channels, follows: true)
    self.level.prepare(
      for: first, parameters: first.parameters,
      duration: Double(first.frames * first.parameters.stepMilliseconds) / 1_000)
    self.ready = Array(repeating: [], count: columns.channels)
  }

  /// Columns that can change no more.
  var columnsRead: Int { self.recovery.framesRead }
  /// Columns that there have to be before more sound can be made.
  var columnsRequired: Int { self.recovery.framesRequired }
  /// Finished sample frames that have not been sent.
  var waiting: Int { self.ready[0].count }
  /// Whether everything has been sent.
  var isAtEnd: Bool { self.end.map { self.sent >= $0 } ?? false }
  var finalHead: [UInt8] { self.encoder.finalHead }

  /// Columns that have sounded when as much sound has been made as can be of the first `count`.
  func columnsDone(of count: Int) -> Int {
    let missing = count - self.recovery.framesRequired
    let block = self.recovery.framesAtOnce
    return self.recovery.framesDone + (missing < 0 ? 0 : (missing / block + 1) * block)
  }

  /// Makes more sound, of columns that are there.
  ///
  /// - Parameter isHurried: with a third of the work where there is no time for more.
  /// - Throws: the rooms' errors, and what `check` throws.
  func make(isHurried: Bool, check: () throws -> Void) throws {
    self.recovery.rounds = isHurried ? self.fullRounds / 3 : self.fullRounds
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

  /// Ends the sound `count` sample frames after what has been sent, and fades it out before.
  func end(after count: Int) {
    self.end = self.sent + count
    self.fade = min(count, Self.longestFade)
  }

  /// The next piece's bytes; shorter at the end.
  ///
  /// - Throws: `AudioIOError`.
  func takePiece() throws -> [UInt8] {
    let count = min(Self.piece, self.waiting, self.end.map { $0 - self.sent } ?? .max)
    var piece = self.ready.map { Array($0.prefix(count)) }
    for channel in self.ready.indices { self.ready[channel].removeFirst(count) }
    if let end {
      for index in 0..<count where end - self.sent - index <= self.fade {
        let left = Float(end - self.sent - index) - 0.5
        for channel in piece.indices { piece[channel][index] *= left / Float(self.fade) }
      }
    }
    self.sent += count
    return try self.encoder.append(piece)
  }

  /// The rest of the stream.
  ///
  /// - Throws: `AudioIOError`.
  func finish() throws -> [UInt8] { try self.encoder.finish() }
}
