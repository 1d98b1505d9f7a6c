extension SchedulerClass {
  static let eulerDiscrete = SchedulerClass(
    "EulerDiscreteScheduler",
    keys: sigmaSteps + ["interpolation_type", "timestep_type", "rescale_betas_zero_snr"],
    spacing: .linspace, usesSigmas: true
  ) { (config, settings, schedule) throws(DiffusionError) in
    let own = try EulerDiscreteSettings(config, settings)
    return { (steps, _) throws(DiffusionError) in
      try EulerDiscreteScheduler(settings, own, schedule: schedule, steps: steps)
    }
  }
}

/// diffusers' `EulerDiscreteScheduler` without churn: algorithm 2 of Karras et al., 2022
/// (arXiv:2206.00364).
struct EulerDiscreteScheduler: Scheduler {
  let timesteps: [Float]
  let initialNoiseScale: Float
  let stepsOffset: Int
  private let prediction: PredictionType
  /// Ratios of noise to signal at every timestep, and the one after the last.
  private let sigmas: [Float]

  init(
    _ settings: SchedulerSettings, _ own: EulerDiscreteSettings, schedule: NoiseSchedule,
    steps count: Int
  ) throws(DiffusionError) {
    (timesteps, sigmas) = try own.run(settings, schedule, steps: count)
    initialNoiseScale = settings.initialNoiseScale(sigmas: self.sigmas)
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
  }

  func scaleModelInput(_ sample: Tensor, step index: Int, into input: Tensor) {
    input.scale(sample, forSigma: sigmas[index])
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    sample.addNoise(noise, sigma: sigmas[index])
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let sigma = sigmas[index]
    let difference = sigmas[index + 1] - sigma
    for position in 0..<sample.count {
      let x = sample.data[position]
      let clean = prediction.clean(output.data[position], sample: x, sigma: sigma)
      sample.data[position] = x + (x - clean) / sigma * difference
    }
  }
}
