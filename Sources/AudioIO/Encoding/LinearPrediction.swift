#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// How a sound would go on: an all-pole model of its end by Burg's method (J. P. Burg, "Maximum
/// Entropy Spectral Analysis", 1967), whose poles never lie outside the unit circle, run on.
enum LinearPrediction {
  /// Samples that `continuation` looks at: 20 ms at 48 kHz.
  static let memory = 960
  private static let order = 32

  /// `count` samples that follow on `sound`, fading to silence. Silence goes on as silence.
  static func continuation(of sound: [Float], count: Int) -> [Float] {
    let known = sound.suffix(memory).map(Double.init)
    let coefficients = burg(known)
    var samples = known
    for _ in 0..<count {
      var next = 0.0
      for (index, coefficient) in coefficients.enumerated() where index < samples.count {
        next -= coefficient * samples[samples.count - 1 - index]
      }
      samples.append(next)
    }
    return samples.suffix(count).enumerated().map { index, value in
      let fade = cos(0.5 * .pi * Double(index + 1) / Double(count))
      return Float(value * fade * fade)
    }
  }

  /// Coefficients a₁ ... of x[n] = −Σ aᵢ x[n − i] + error; fewer where the error is nil already.
  private static func burg(_ sound: [Double]) -> [Double] {
    var forward = sound
    var backward = sound
    var coefficients: [Double] = []
    let energy = sound.reduce(0) { $0 + $1 * $1 }
    for step in 1...order where step < sound.count {
      var (product, error) = (0.0, 0.0)
      for index in step..<sound.count {
        product += forward[index] * backward[index - 1]
        error += forward[index] * forward[index] + backward[index - 1] * backward[index - 1]
      }
      guard error > 1e-12 * energy, error > 0 else { break }
      let reflection = -2 * product / error
      let reversed = Array(coefficients.reversed())
      for index in coefficients.indices { coefficients[index] += reflection * reversed[index] }
      coefficients.append(reflection)
      for index in (step..<sound.count).reversed() {
        let before = forward[index]
        forward[index] = before + reflection * backward[index - 1]
        backward[index] = backward[index - 1] + reflection * before
      }
    }
    return coefficients
  }
}
