package import AudioIO
package import Cores
package import Provenance
package import Spectrogram

/// What turns a picture into the bytes of a stream, a piece at a time. Owned by one thread at a time.
protocol SoundBytes: AnyObject {
  /// Sample frames that have gone to the encoder.
  var samplesDone: Int { get }

  /// After the end: bytes to put in the place of as many first ones; see ``AudioStreamEncoder``.
  var finalHead: [UInt8] { get }

  /// The next bytes of the stream, maybe none yet; nil at its end.
  ///
  /// - Parameter cores: takes the next samples of the recovery when its pool may be used. What it throws ends
  ///   the stream, which must not be used any more.
  /// - Throws: the rooms' errors, and what `cores` throws.
  func next(cores: (_ recovery: PhaseRecoveryStream) throws -> [[Float]]?) throws -> [UInt8]?
}

/// A picture's way to the bytes of a stream: phase recovery, 48 kHz, level, encoding. Every part
/// hands on what it has, so the first page leaves while later columns are still pictures.
///
/// Owned by one thread at a time.
package final class SoundPath: SoundBytes {
  /// Rate of all audio that leaves, in hertz.
  package static let sampleRate = OutputFormat.sampleRate

  /// Sample frames that have gone to the encoder.
  package private(set) var samplesDone = 0

  private let recovery: PhaseRecoveryStream
  private let resampler: StreamResampler
  private let encoder: any AudioStreamEncoder
  private let sampleCount: Int
  private var level: LevelControl
  private var fade: Fade
  private var finished = false

  /// - Parameters:
  ///   - quality: how much work goes into the phases.
  ///   - recipe: what the file says of itself; the serial number of its Ogg stream follows from it.
  ///   - sampleCount: what to trim the sound to, in sample frames at 48 kHz; at most the picture's.
  ///   - fadeMilliseconds: over which it fades in and out.
  ///   - pace: how fast the picture's columns are played; nil: at its own step.
  ///   - pool: of the phase recovery.
  /// - Throws: the rooms' errors.
  package init(
    _ picture: SpectrogramPicture, output: OutputFormat, quality: RecoveryQuality = .normal,
    recipe: Recipe = Recipe(), sampleCount: Int, fadeMilliseconds: Int = 0,
    pace: ColumnPace? = nil, pool: ComputePool
  ) throws {
    recovery = try PhaseRecoveryStream(
      picture, parameters: picture.parameters, quality: quality, pool: pool, pace: pace)
    resampler = try StreamResampler(
      from: recovery.sampleRate, to: Self.sampleRate, channels: picture.channels)
    encoder = try output.makeEncoder(
      channels: picture.channels, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: recovery.sampleRate,
      serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))
    level = LevelControl(channels: picture.channels)
    level.prepare(
      for: picture, parameters: picture.parameters,
      duration: Double(sampleCount) / Double(Self.sampleRate))
    fade = Fade(milliseconds: fadeMilliseconds, sampleCount: sampleCount)
    self.sampleCount = sampleCount
  }

  package var finalHead: [UInt8] { encoder.finalHead }

  package func next(
    cores: (_ recovery: PhaseRecoveryStream) throws -> [[Float]]? = { try $0.next() }
  ) throws -> [UInt8]? {
    guard !finished else { return nil }
    if samplesDone < sampleCount, let samples = try cores(recovery) {
      return try encode(level.process(resampler.append(samples)))
    }
    finished = true
    var bytes = try encode(level.process(resampler.finish()))
    bytes += try encode(level.finish())
    return try bytes + encoder.finish()
  }

  private func encode(_ samples: [[Float]]) throws -> [UInt8] {
    let count = min(samples.first?.count ?? 0, sampleCount - samplesDone)
    guard count > 0 else { return [] }
    samplesDone += count
    return try encoder.append(fade.process(samples.map { Array($0.prefix(count)) }))
  }
}
