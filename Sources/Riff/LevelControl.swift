package import Spectrogram

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The level of a whole stream: one gain, chosen before its first sample leaves, and a limiter
/// behind it.
///
/// The gain brings the first picture that is not silent to −14 LUFS, by a prediction from its mel
/// amplitudes that is corrected by what the first block of its sound measures; later pictures are
/// played under the same one, so that nothing jumps where two clips meet. The limiter keeps true peaks at −1 dB, and it too runs on from clip to clip.
package struct LevelControl {
  /// In LUFS (ITU-R BS.1770-4): what the streaming services play at.
  package static let targetLoudness: Double = -14

  /// Sound that is shorter tells little about a prediction, in seconds.
  private static let shortestBeginning = 0.4
  /// The most that a beginning corrects, in decibels.
  private static let largestCorrection = 3.0

  /// Of the first picture that is not silent, until its sound begins.
  private var prediction: GatedLoudness?
  private var gain: Float?
  private var limiter: PeakLimiter

  /// - Parameter channels: 1 or 2.
  package init(channels: Int) {
    limiter = PeakLimiter(channels: channels)
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
    if gain == nil, let prediction, channels.contains(where: { !$0.isEmpty }) {
      gain = Self.gain(prediction, beginning: channels).map { Float(pow(10, $0 / 20)) }
      self.prediction = nil
    }
    guard let gain else { return limiter.process(channels) }
    return limiter.process(channels.map { $0.map { $0 * gain } })
  }

  /// The gain in decibels for a sound whose first samples are these.
  ///
  /// How loud a sound its mel amplitudes are depends on how tonal it is, and on what the recovery
  /// makes of it; both show in its beginning. The louder that is within the whole, the more it says.
  private static func gain(_ prediction: GatedLoudness, beginning: [[Float]]) -> Double? {
    guard let gain = prediction.gain(to: targetLoudness),
      let loudness = prediction.integrated()
    else { return nil }
    let seconds = Double(beginning[0].count) / Double(SoundPath.sampleRate)
    let predicted = prediction.power(from: 0, to: seconds)
    let measured = beginning.reduce(0) { $0 + KWeighting.meanSquare(of: $1) }
    guard seconds >= shortestBeginning, predicted > 0, measured > 0 else { return gain }
    let error = 10 * log10(measured / predicted)
    let weight = min(1, predicted / GatedLoudness.power(loudness))
    return gain - weight * max(-largestCorrection, min(largestCorrection, error))
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
