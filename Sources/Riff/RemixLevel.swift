#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Brings a remix to its clip's loudness, and stops it from clipping.
///
/// The first seconds of it, which are held back until then, decide a gain. It follows what comes later slowly,
/// so that a clip that begins softly is not soft to its end, and nothing pumps.
package struct RemixLevel {
  /// The most that a remix is brought up or down by: 18 dB.
  private static let largest: Float = 8
  /// As many samples at 48 kHz decide to begin with, where they are there: four seconds.
  private static let telling = 4 * SoundPath.sampleRate
  /// The time in which what was heard is forgotten, in seconds.
  private static let memory = 10.0
  /// How fast the gain moves, in decibels a second.
  private static let pace = 1.0
  /// Silence decides nothing: −70 LUFS and below.
  private static let silence = 1e-7

  /// What the clip's own peaks leave room for.
  private let room: Float
  private var gain: Float?
  private var limiter: PeakLimiter
  /// Samples of the clip whose remix has not come yet.
  private var clip: [[Float]]
  /// Samples of the remix that wait for the gain.
  private var held: [[Float]]
  /// What was heard lately of the clip and of its remix: weighted squares, and their samples.
  private var own = 0.0
  private var made = 0.0
  private var heard = 0.0

  /// - Parameter peak: the clip's largest sample.
  package init(channels: Int, peak: Float) {
    // Between its samples a clip's peaks are up to about a decibel higher.
    let most = 0.8 * PeakLimiter.ceiling
    room = peak > most ? most / peak : 1
    limiter = PeakLimiter(channels: channels)
    clip = Array(repeating: [], count: channels)
    held = clip
  }

  /// Takes the next samples of the remix, and the next of the clip, which come first; returns what is ready.
  package mutating func process(_ samples: [[Float]], against clip: [[Float]]?) -> [[Float]] {
    for (channel, more) in (clip ?? []).enumerated() { self.clip[channel] += more }
    let seconds = self.compare(samples)
    guard let gain else {
      for channel in samples.indices { held[channel] += samples[channel] }
      return held[0].count < Self.telling ? samples.map { _ in [] } : settle()
    }
    let next = followed(gain, seconds)
    self.gain = next
    return self.limited(samples, from: gain, to: next)
  }

  /// Decides with what there is, and returns what was held back.
  package mutating func settle() -> [[Float]] {
    let samples = held
    held = samples.map { _ in [] }
    gain = gain ?? wanted
    return self.limited(samples, from: gain ?? 1, to: gain ?? 1)
  }

  package mutating func finish() -> [[Float]] {
    zip(settle(), limiter.finish()).map { $0 + $1 }
  }

  /// Listens to samples of the remix and to those of the clip at the same place; returns their seconds.
  private mutating func compare(_ samples: [[Float]]) -> Double {
    let count = min(samples[0].count, clip[0].count)
    let seconds = Double(count) / Double(SoundPath.sampleRate)
    let kept = gain == nil ? 1 : exp(-seconds / Self.memory)
    func add(_ sound: [[Float]], to sum: inout Double) {
      let square = sound.reduce(0) { $0 + KWeighting.meanSquare(of: Array($1.prefix(count))) }
      sum = kept * sum + Double(count) * square
    }
    add(clip, to: &own)
    add(samples, to: &made)
    heard = kept * heard + Double(count)
    for channel in clip.indices { clip[channel].removeFirst(count) }
    return seconds
  }

  /// The gain that what was heard asks for; nil where that is silence.
  private var wanted: Float? {
    guard min(own, made) > Self.silence * heard else { return nil }
    return min(Self.largest, max(1 / Self.largest, Float((own / made).squareRoot())))
  }

  /// A gain that is a little nearer to what is wanted.
  private func followed(_ gain: Float, _ seconds: Double) -> Float {
    guard let wanted else { return gain }
    let most = Float(pow(10, Self.pace * seconds / 20))
    return min(gain * most, max(gain / most, wanted))
  }

  private mutating func limited(_ samples: [[Float]], from first: Float, to last: Float)
    -> [[Float]]
  {
    let count = Float(max(1, samples[0].count))
    return limiter.process(
      samples.map { values in
        zip(values, 0...).map { $0 * room * (first + (last - first) * Float($1) / count) }
      })
  }
}
