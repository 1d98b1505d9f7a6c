import Foundation
import Spectrogram

/// Sounds that the tests make themselves.
enum SyntheticSound {
  /// Struck harmonic tones over a bass, with bursts of noise: what makes recovery work.
  static func music(count: Int, rate: Int, detune: Double = 1) -> [Float] {
    var noise = RepeatableNoise(state: 11)
    var sound = [Float](repeating: 0, count: count)
    for index in 0..<count {
      let t = Double(index) / Double(rate)
      let beat = (t * 4).truncatingRemainder(dividingBy: 1)
      let note = [220.0, 277.18, 329.63, 440.0][Int(t * 4) % 4] * detune
      var value = 0.2 * sin(2 * .pi * 55 * t)
      for harmonic in 1...6 {
        value +=
          0.25 / Double(harmonic) * exp(-4 * beat * Double(harmonic))
          * sin(2 * .pi * note * Double(harmonic) * t)
      }
      if beat > 0.5, beat < 0.56 { value += 0.3 * noise.next() }
      sound[index] = Float(0.5 * value)
    }
    return sound
  }

  /// White noise, 0.5 at most.
  static func noise(count: Int, seed: UInt64) -> [Float] {
    var noise = RepeatableNoise(state: seed)
    return (0..<count).map { _ in Float(0.5 * noise.next()) }
  }

  static func sine(count: Int, frequency: Double, rate: Int) -> [Float] {
    (0..<count).map { Float(0.5 * sin(2 * .pi * frequency * Double($0) / Double(rate))) }
  }

  /// Root mean square in decibels, −200 for silence.
  static func decibels(_ sound: some Collection<Float>) -> Double {
    let square = sound.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(1, sound.count))
    return 10 * log10(max(square, 1e-20))
  }

  /// ‖a − s b‖ / ‖a‖ for the best s: spectral convergence.
  static func convergence(_ a: MelSpectrogram, _ b: MelSpectrogram) -> Double {
    var (ab, bb, aa) = (0.0, 0.0, 0.0)
    for row in 0..<(a.channels * a.bins) {
      for frame in 0..<min(a.frames, b.frames) {
        let (x, y) = (
          Double(a.values[row * a.frames + frame]), Double(b.values[row * b.frames + frame])
        )
        ab += x * y
        bb += y * y
        aa += x * x
      }
    }
    return max(0, 1 - ab * ab / (aa * bb)).squareRoot()
  }
}

/// A linear congruential generator: the same noise everywhere.
struct RepeatableNoise {
  var state: UInt64

  /// −1 ... 1
  mutating func next() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 33) / Double(1 << 30) - 1
  }
}

extension PhaseRecoveryStream {
  /// All of the sound, (channel, sample), and how many pieces it came in.
  func all() throws -> (sound: [[Float]], pieces: Int) {
    var sound: [[Float]] = []
    var pieces = 0
    while let piece = try next() {
      if sound.isEmpty { sound = Array(repeating: [], count: piece.count) }
      for channel in piece.indices { sound[channel] += piece[channel] }
      pieces += 1
    }
    return (sound, pieces)
  }
}
