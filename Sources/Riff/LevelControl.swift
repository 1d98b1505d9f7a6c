package import Spectrogram

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The level of a whole stream: one gain, chosen before its first sound leaves, and a limiter behind
/// it.
///
/// The gain brings the first picture that is not silent to −14 LUFS, by a prediction from its mel
/// amplitudes that is corrected by what the first samples that are not silent measure; later pictures
/// are played under the same one, so that nothing jumps where two clips meet. The limiter keeps true peaks
/// at −1 dB, and it too runs on from clip to clip. The gain of music without an end may follow what is
/// heard, slowly.
package struct LevelControl {
  /// In LUFS (ITU-R BS.1770-4): what the streaming services play at.
  package static let targetLoudness: Double = -14

  /// As much sound as that, in seconds at the loudness of the whole, tells all about a prediction.
  private static let tellingDuration = 0.4
  /// The most that a prediction is corrected by, in decibels.
  private static let largestCorrection = 3.0

  /// Of the first picture that is not silent, until its sound begins.
  private var prediction: GatedLoudness?
  /// Samples of that picture that have come, all of them silent.
  private var silent = 0
  private var gain: Float?
  private var limiter: PeakLimiter
  private let follows: Bool
  /// The mean square of what was heard lately, weighted as an ear does, before the gain.
  private var heard: Double?

  /// The time in which a gain that follows takes in what is heard, and the same for what is so much
  /// softer that it may be a pause; seconds.
  private static let memory = 3.0
  private static let pauseMemory = 15.0
  private static let pauseDepth: Double = -20
  /// How fast it moves, in decibels a second.
  private static let pace = 1.0

  /// - Parameters:
  ///   - channels: 1 or 2.
  ///   - follows: whether the gain follows what is heard.
  package init(channels: Int, follows: Bool = false) {
    limiter = PeakLimiter(channels: channels)
    self.follows = follows
  }

  /// One whose gain is known already, a factor.
  package init(channels: Int, gain: Float) {
    self.init(channels: channels)
    self.gain = gain
  }

  /// Looks at a picture before its sound comes. Once one has decided the gain, the others are left
  /// alone.
  ///
  /// - Parameter duration: how much of it will sound, in seconds.
  package mutating func prepare(
    for mel: some MelFrames, parameters: SpectrogramParameters, duration: Double
  ) {
    guard gain == nil, prediction == nil else { return }
    let loudness = Self.predict(mel, parameters: parameters, duration: duration)
    if loudness.integrated() != nil { prediction = loudness }
  }

  /// Takes the next samples of the stream at 48 kHz, planar, and returns those that are ready.
  package mutating func process(_ channels: [[Float]]) -> [[Float]] {
    guard let gain = gain ?? decide(by: channels) else { return limiter.process(channels) }
    guard follows, self.gain != nil else {
      return limiter.process(channels.map { $0.map { $0 * gain } })
    }
    let next = followed(channels, from: gain)
    self.gain = next
    let count = Float(max(1, channels.first?.count ?? 0))
    return limiter.process(
      channels.map { values in
        zip(values, 0...).map { $0 * (gain + (next - gain) * Float($1) / count) }
      })
  }

  /// The gain at the end of the next samples: a little nearer to what their loudness asks for.
  private mutating func followed(_ channels: [[Float]], from gain: Float) -> Float {
    let seconds = Double(channels.first?.count ?? 0) / Double(SoundPath.sampleRate)
    let power = channels.reduce(0) { $0 + KWeighting.meanSquare(of: $1) }
    // To begin with, the gain is right.
    let square = Double(gain) * Double(gain)
    let before = heard ?? GatedLoudness.power(Self.targetLoudness) / square
    let isPause = power < before * pow(10, Self.pauseDepth / 10)
    let share = 1 - exp(-seconds / (isPause ? Self.pauseMemory : Self.memory))
    let now = before + share * (power - before)
    heard = now
    let wanted =
      10 * log10(max(GatedLoudness.power(Self.targetLoudness) / max(now * square, 1e-30), 1e-30))
    let most = Self.pace * seconds
    return gain * Self.factor(max(-most, min(most, wanted)))
  }

  /// The gain for the next samples of the picture that was prepared for, nil without one. The first
  /// that are not silent settle it for all that follow.
  private mutating func decide(by channels: [[Float]]) -> Float? {
    guard let prediction, let predicted = prediction.gain(to: Self.targetLoudness),
      let count = channels.first?.count
    else { return nil }
    let power = channels.reduce(0) { $0 + KWeighting.meanSquare(of: $1) }
    guard power > GatedLoudness.power(GatedLoudness.silence - predicted) else {
      silent += count
      return Self.factor(predicted)
    }
    let start = Double(silent) / Double(SoundPath.sampleRate)
    let end = start + Double(count) / Double(SoundPath.sampleRate)
    let error = Self.error(of: prediction, from: start, to: end, measured: power)
    self.prediction = nil
    gain = Self.factor(predicted - error)
    return gain
  }

  private static func factor(_ decibels: Double) -> Float { Float(pow(10, decibels / 20)) }

  /// How far a prediction is below what is measured, in decibels, by a part of the sound, in seconds.
  ///
  /// How loud a sound its mel amplitudes are depends on how tonal it is, and on what the recovery
  /// makes of it; both show wherever it sounds. The more of it is in the part, the more that says.
  private static func error(
    of prediction: GatedLoudness, from start: Double, to end: Double, measured: Double
  ) -> Double {
    let predicted = prediction.power(from: start, to: end)
    guard predicted > 0, let loudness = prediction.integrated() else { return 0 }
    let error = 10 * log10(measured / predicted)
    let telling = tellingDuration * GatedLoudness.power(loudness)
    let weight = min(1, predicted * (end - start) / telling)
    return weight * max(-largestCorrection, min(largestCorrection, error))
  }

  /// What is still held back.
  package mutating func finish() -> [[Float]] { limiter.finish() }

  /// The loudness over time of the sound that a picture stands for: its mel amplitudes as power,
  /// weighted as an ear does, channels added.
  package static func predict(
    _ mel: some MelFrames, parameters: SpectrogramParameters, duration: Double
  ) -> GatedLoudness {
    let bands = MelBandPower(parameters).bands.prefix(mel.bins)
    var powers = [Double](repeating: 0, count: mel.frames)
    let tile = 256
    // Two bands of silence above the highest one.
    var amplitudes = [Float](repeating: 0, count: (mel.bins + 2) * tile)
    for start in stride(from: 0, to: mel.frames, by: tile) {
      let range = start..<min(start + tile, mel.frames)
      let count = range.count
      for channel in 0..<mel.channels {
        amplitudes.withUnsafeMutableBufferPointer { amplitudes in
          // A spectrogram has at least one bin, so the tile is not empty.
          guard let values = amplitudes.baseAddress else { return }
          mel.copyFrames(range, channel: channel, to: values, stride: count)
          // What a longer row left behind, in the last tile.
          (values + mel.bins * count).update(repeating: 0, count: 2 * count)
          for (bin, band) in bands.enumerated() {
            let weight = KWeighting.power(at: band.frequency)
            let (square, neighbour) = (Float(weight * band.square), Float(weight * band.neighbour))
            let next = Float(weight * band.next)
            let row = values + bin * count
            for place in 0..<count {
              let value = row[place]
              let (above, second) = (row[place + count], row[place + 2 * count])
              powers[start + place] += Double(
                value * (square * value + neighbour * above + next * second))
            }
          }
        }
      }
    }
    // A form with a negative factor may come out below nothing.
    for frame in powers.indices { powers[frame] = max(0, powers[frame]) }
    return GatedLoudness(
      powers: powers, step: Double(parameters.stepMilliseconds) / 1_000, duration: duration)
  }
}
