#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Brings a remix to its clip's loudness, by one gain that its first sound decides, and stops it from
/// clipping.
struct RemixLevel {
  /// The most that a remix is brought up or down by.
  private static let largest: Float = 4

  /// What the clip's own peaks leave room for.
  private let room: Float
  private var gain: Float?
  private var limiter: PeakLimiter

  /// - Parameter peak: the clip's largest sample.
  init(channels: Int, peak: Float) {
    // Between its samples a clip's peaks are up to about a decibel higher.
    let most = 0.8 * PeakLimiter.ceiling
    room = peak > most ? most / peak : 1
    limiter = PeakLimiter(channels: channels)
  }

  /// Takes the next samples of the remix and those of the clip that went in for them, where there
  /// were any; returns what is ready.
  mutating func process(_ samples: [[Float]], against clip: [[Float]]?) -> [[Float]] {
    if gain == nil, let clip, samples[0].count > 0 {
      let own = clip.reduce(0) { $0 + KWeighting.meanSquare(of: $1) }
      let made = samples.reduce(0) { $0 + KWeighting.meanSquare(of: $1) }
      // Silence decides nothing: −70 LUFS and below.
      if own > 1e-7, made > 1e-7 {
        gain = min(Self.largest, max(1 / Self.largest, Float((own / made).squareRoot())))
      }
    }
    let factor = room * (gain ?? 1)
    return limiter.process(samples.map { $0.map { $0 * factor } })
  }

  mutating func finish() -> [[Float]] { limiter.finish() }
}
