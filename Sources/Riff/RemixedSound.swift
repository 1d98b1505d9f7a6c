import AudioIO
package import Cores
package import Spectrogram

/// The sound of a clip that a model painted over, with the clip's groove kept: the clip's own sound
/// under the picture's gains, and what no gain makes of it recovered from the picture.
///
/// Samples go in at 48 kHz in any portions and come out as many. Owned by one thread at a time.
package final class RemixedSound {
  private let channels: Int
  /// Nil where nothing of the clip's own sound is kept.
  private let transfer: GainTransferStream?
  private let recovery: PhaseRecoveryStream
  private let resampler: StreamResampler
  /// Recovered samples at 48 kHz that wait for the clip's, (channel, sample) as the picture has them.
  private var recovered: [[Float]]
  private var isRecovered = false

  /// - Parameters:
  ///   - parameters: of the pictures.
  ///   - channels: of the clip.
  ///   - quality: of the recovery.
  ///   - keepsGroove: whether the clip's own sound is heard; else the edited picture is recovered as a
  ///     whole.
  ///   - pool: of the recovery.
  /// - Throws: the rooms' errors.
  package init(
    _ edit: PictureEdit, parameters: SpectrogramParameters, channels: Int,
    quality: RecoveryQuality = .normal, keepsGroove: Bool = true, pool: ComputePool
  ) throws {
    self.channels = channels
    transfer =
      keepsGroove
      ? try GainTransferStream(
        edit, parameters: parameters, sampleRate: SoundPath.sampleRate, channels: channels) : nil
    recovery = try PhaseRecoveryStream(
      keepsGroove ? MissingFrames(edit) : edit.edited, parameters: parameters, quality: quality,
      pool: pool)
    resampler = try StreamResampler(
      from: recovery.sampleRate, to: SoundPath.sampleRate, channels: edit.channels)
    recovered = Array(repeating: [], count: edit.channels)
  }

  /// - Parameter check: called about once a round of recovery; what it throws ends the work.
  /// - Throws: the rooms' errors, and what `check` throws.
  package func append(_ samples: [[Float]], check: () throws -> Void = {}) throws -> [[Float]] {
    let own =
      try transfer?.append(samples) ?? samples.map { [Float](repeating: 0, count: $0.count) }
    return try completed(own, check)
  }

  /// The samples that were held back.
  package func finish(check: () throws -> Void = {}) throws -> [[Float]] {
    try completed(transfer?.finish() ?? Array(repeating: [], count: channels), check)
  }

  /// Adds what was recovered. Beyond the picture's end there is none.
  private func completed(_ samples: [[Float]], _ check: () throws -> Void) throws -> [[Float]] {
    let count = samples[0].count
    while recovered[0].count < count, !isRecovered {
      let more: [[Float]]
      if let next = try recovery.next(check: check) {
        more = try resampler.append(next)
      } else {
        more = try resampler.finish()
        isRecovered = true
      }
      for channel in recovered.indices { recovered[channel] += more[channel] }
    }
    var samples = samples
    let added = min(count, recovered[0].count)
    for channel in 0..<channels {
      let source = min(channel, recovered.count - 1)
      for index in 0..<added { samples[channel][index] += recovered[source][index] }
    }
    for channel in recovered.indices { recovered[channel].removeFirst(added) }
    return samples
  }
}
