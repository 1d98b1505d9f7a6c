#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// diffusers' `Timesteps`: a number as sines and cosines of falling frequency.
struct Timesteps: Sendable {
  let channels: Int
  private let frequencies: [Float]
  private let flipSinToCos: Bool

  /// `channels` / 2 is above `frequencyShift`; an odd channel at the end is 0.
  init(channels: Int, flipSinToCos: Bool, frequencyShift: Int) {
    precondition(channels / 2 > frequencyShift)
    self.channels = channels
    self.flipSinToCos = flipSinToCos
    let half = channels / 2
    frequencies = (0..<half).map { index in
      Float(exp(-log(10000.0) * Double(index) / Double(half - frequencyShift)))
    }
  }

  /// Writes the `channels` values of `number`.
  func write(_ number: Float, to out: UnsafeMutablePointer<Float>) {
    let half = frequencies.count
    out.update(repeating: 0, count: channels)
    for (index, frequency) in frequencies.enumerated() {
      let angle = Double(number * frequency)
      out[flipSinToCos ? index : half + index] = Float(cos(angle))
      out[flipSinToCos ? half + index : index] = Float(sin(angle))
    }
  }
}
