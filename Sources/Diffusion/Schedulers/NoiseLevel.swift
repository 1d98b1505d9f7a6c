/// How much signal and how much noise is in latents: sample = signal · clean + noise · ε.
struct NoiseLevel: Sendable {
  /// √ᾱ.
  let signal: Float
  /// √(1 − ᾱ).
  let noise: Float

  init(alphaCumulative alpha: Float) {
    signal = alpha.squareRoot()
    noise = (1 - alpha).squareRoot()
  }

  /// The level whose ratio of noise to signal is `sigma`.
  init(sigma: Float) {
    signal = 1 / (sigma * sigma + 1).squareRoot()
    noise = sigma * signal
  }

  /// The clean value that a prediction stands for.
  func clean(_ prediction: PredictionType, output: Float, sample: Float) -> Float {
    switch prediction {
    case .epsilon: (sample - noise * output) / signal
    case .velocity: signal * sample - noise * output
    case .sample: output
    }
  }

  /// The ε that a prediction stands for.
  func epsilon(_ prediction: PredictionType, output: Float, sample: Float) -> Float {
    switch prediction {
    case .epsilon: output
    case .velocity: signal * output + noise * sample
    case .sample: (sample - signal * output) / noise
    }
  }

  /// Brings clean latents to this level, in place; `noise` is standard normal.
  func addNoise(_ noise: Tensor, to sample: Tensor) {
    for position in 0..<sample.count {
      sample.data[position] = signal * sample.data[position] + self.noise * noise.data[position]
    }
  }
}
