/// Latents of the Euler schedulers are clean ones plus `sigma` times noise, however large that gets.
extension Tensor {
  /// `sample` brought to unit variance for the model.
  func scale(_ sample: Tensor, forSigma sigma: Float) {
    let divisor = (sigma * sigma + 1).squareRoot()
    for position in 0..<sample.count { data[position] = sample.data[position] / divisor }
  }

  func addNoise(_ noise: Tensor, sigma: Float) {
    for position in 0..<count { data[position] += noise.data[position] * sigma }
  }
}

extension PredictionType {
  /// The clean value that a prediction stands for.
  func clean(_ output: Float, sample: Float, sigma: Float) -> Float {
    switch self {
    case .epsilon: sample - sigma * output
    case .velocity:
      output * (-sigma / (sigma * sigma + 1).squareRoot()) + sample / (sigma * sigma + 1)
    case .sample: output
    }
  }
}

extension SchedulerSettings {
  /// The standard deviation that latents begin with; the spacings that begin at the last timestep of
  /// training leave the signal's share out.
  func initialNoiseScale(sigmas: [Float]) -> Float {
    let greatest = sigmas.max() ?? 1
    return switch timestepSpacing {
    case .linspace, .trailing: greatest
    case .leading: (greatest * greatest + 1).squareRoot()
    }
  }
}
