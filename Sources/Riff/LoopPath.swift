package import AudioIO
package import Cores
package import Provenance
package import Spectrogram

/// A picture's way to the bytes of a file that can be repeated without a seam: all of it is recovered as
/// one circle, brought to 48 kHz as one, levelled as if it had been played before, and encoded with its own
/// other end on each side.
///
/// Owned by one thread at a time.
package final class LoopPath: SoundBytes {
  package private(set) var samplesDone = 0

  private let picture: SpectrogramPicture
  private let output: OutputFormat
  private let recipe: Recipe
  private let sampleCount: Int
  private let recovery: PhaseRecoveryStream
  private var playing: Playing?
  private var finished = false

  /// The finished sound.
  private struct Playing {
    /// (channel, sample) at 48 kHz.
    let sound: [[Float]]
    let encoder: any AudioStreamEncoder
  }

  /// - Parameters:
  ///   - recipe: what the file says of itself; the serial number of its Ogg stream follows from it.
  ///   - sampleCount: of one round, in sample frames at 48 kHz.
  ///   - pace: how fast the picture's columns are played; nil: at its own step.
  ///   - pool: of the phase recovery.
  /// - Throws: the rooms' errors.
  package init(
    _ picture: SpectrogramPicture, output: OutputFormat, quality: RecoveryQuality = .normal,
    recipe: Recipe = Recipe(), sampleCount: Int, pace: ColumnPace? = nil, pool: ComputePool
  ) throws {
    self.picture = picture
    self.output = output
    self.recipe = recipe
    self.sampleCount = sampleCount
    self.recovery = try PhaseRecoveryStream(
      picture, parameters: picture.parameters, quality: quality, pool: pool, pace: pace,
      isCircular: true)
  }

  package var finalHead: [UInt8] { self.playing?.encoder.finalHead ?? [] }

  package func next(
    cores: (_ recovery: PhaseRecoveryStream) throws -> [[Float]]? = { try $0.next() }
  ) throws -> [UInt8]? {
    guard !self.finished else { return nil }
    guard let playing else {
      let period = try cores(self.recovery)
      let sound = try self.levelled(
        (period ?? []).map { try CircularResampling.resample($0, to: self.sampleCount) })
      self.playing = Playing(sound: sound, encoder: try self.makeEncoder(sound))
      return []
    }
    if self.samplesDone == self.sampleCount {
      self.finished = true
      return try playing.encoder.finish()
    }
    // A second at a time.
    let end = min(self.samplesDone + SoundPath.sampleRate, self.sampleCount)
    let bytes = try playing.encoder.append(
      playing.sound.map { Array($0[self.samplesDone..<end]) })
    self.samplesDone = end
    return bytes
  }

  /// At the level of all sound that leaves; its limiter has heard a whole round before.
  private func levelled(_ sound: [[Float]]) -> [[Float]] {
    var level = LevelControl(channels: self.picture.channels)
    level.prepare(
      for: self.picture, parameters: self.picture.parameters,
      duration: Double(self.sampleCount) / Double(SoundPath.sampleRate))
    var levelled: [[Float]] = Array(repeating: [], count: sound.count)
    func add(_ samples: [[Float]]) {
      for (channel, values) in samples.enumerated() { levelled[channel] += values }
    }
    for _ in 0..<3 { add(level.process(sound)) }
    add(level.finish())
    return levelled.map { Array($0[self.sampleCount..<2 * self.sampleCount]) }
  }

  private func makeEncoder(_ sound: [[Float]]) throws -> any AudioStreamEncoder {
    try self.output.makeEncoder(
      channels: self.picture.channels,
      comments: self.recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: self.recovery.sampleRate,
      serialNumber: UInt32(truncatingIfNeeded: self.recipe.fingerprint.value),
      loop: LoopEnds(sound))
  }
}
