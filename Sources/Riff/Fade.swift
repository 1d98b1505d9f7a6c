#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Fades a sound in at its beginning and out at its end, along half a cosine.
struct Fade {
  private let length: Int
  private let sampleCount: Int
  private var place = 0

  /// - Parameters:
  ///   - milliseconds: of each fade; cut to half of the sound.
  ///   - sampleCount: of the whole sound, in sample frames at 48 kHz.
  init(milliseconds: Int, sampleCount: Int) {
    length = min(milliseconds * (SoundPath.sampleRate / 1_000), sampleCount / 2)
    self.sampleCount = sampleCount
  }

  /// The sound's next samples, (channel, sample), faded.
  mutating func process(_ samples: [[Float]]) -> [[Float]] {
    let count = samples.first?.count ?? 0
    defer { place += count }
    guard length > 0, place < length || place + count > sampleCount - length else { return samples }
    let range = place..<place + count
    return samples.map { values in
      zip(range, values).map { $1 * gain(at: $0) }
    }
  }

  /// 0 to 1; the ends of the sound are nearest to 0.
  private func gain(at index: Int) -> Float {
    let distance = min(index, sampleCount - 1 - index)
    guard distance < length else { return 1 }
    return Float(0.5 - 0.5 * cos(.pi * (Double(distance) + 0.5) / Double(length)))
  }
}
