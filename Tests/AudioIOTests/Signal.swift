import Foundation

/// Sounds that the tests make and judge.
enum Signal {
  /// A sine of the given frequency, in hertz.
  static func sine(_ frequency: Double, count: Int, rate: Int, gain: Double = 0.5) -> [Float] {
    (0..<count).map { Float(gain * sin(2 * .pi * frequency * Double($0) / Double(rate))) }
  }

  /// How much of `sound` is that sine, of any phase: 0 ... 1 of its energy.
  static func share(_ sound: some Collection<Float>, _ frequency: Double, rate: Int) -> Double {
    var (re, im, energy) = (0.0, 0.0, 0.0)
    for (index, value) in sound.enumerated() {
      let angle = 2 * .pi * frequency * Double(index) / Double(rate)
      re += Double(value) * cos(angle)
      im += Double(value) * sin(angle)
      energy += Double(value) * Double(value)
    }
    return energy > 0 ? 2 * (re * re + im * im) / (energy * Double(sound.count)) : 0
  }

  /// Signal to noise ratio of `sound` as a copy of `reference`, in dB.
  static func ratio(_ reference: some Sequence<Float>, _ sound: some Sequence<Float>) -> Double {
    var (signal, noise) = (0.0, 1e-20)
    for (a, b) in zip(reference, sound) {
      signal += Double(a) * Double(a)
      noise += Double(a - b) * Double(a - b)
    }
    return 10 * log10(signal / noise)
  }
}
