extension SchedulerClass {
  static let heunDiscrete = SchedulerClass(
    "HeunDiscreteScheduler",
    keys: clipping + [
      "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "sigma_min", "sigma_max",
    ], spacing: .linspace, usesSigmas: true, refusesZeroSNR: true,
    betas: (0.00085, 0.012, .linear)
  ) { (config, settings, schedule) throws(DiffusionError) in
    let own = try EulerDiscreteSettings(config, settings)
    return { (steps, _) throws(DiffusionError) in
      try HeunDiscreteScheduler(settings, own, schedule: schedule, steps: steps)
    }
  }
}

/// diffusers' `HeunDiscreteScheduler` without churn: an Euler step, then again along the mean of the slopes
/// at both ends. Algorithm 2 of Karras et al., 2022 (arXiv:2206.00364).
///
/// The model runs twice a step, but for the last one.
struct HeunDiscreteScheduler: Scheduler {
  let timesteps: [Float]
  let initialNoiseScale: Float
  let stepsOffset: Int
  let runsPerStep = 2
  private let prediction: PredictionType
  private let clip: Float
  /// By run of the model, and the one after the last.
  private let sigmas: [Float]
  /// The first run's slope and the sample that it began from; nil between steps.
  private var begun: (slope: [Float], sample: [Float])?

  init(
    _ settings: SchedulerSettings, _ own: EulerDiscreteSettings, schedule: NoiseSchedule,
    steps count: Int
  ) throws(DiffusionError) {
    let (timesteps, sigmas) = try own.run(settings, schedule, steps: count)
    self.timesteps = timesteps.prefix(1) + timesteps.dropFirst().flatMap { [$0, $0] }
    self.sigmas =
      sigmas.prefix(1) + sigmas.dropFirst().dropLast().flatMap { [$0, $0] } + sigmas.suffix(1)
    initialNoiseScale = settings.initialNoiseScale(sigmas: sigmas)
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
    clip = settings.clip ?? .infinity
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
    // A second run is at the level where the first one led.
    let sigma = sigmas[index]
    let slope: [Float] = (0..<sample.count).map { position in
      let x = sample.data[position]
      let clean = prediction.clean(output.data[position], sample: x, sigma: sigma)
      return (x - min(max(clean, -clip), clip)) / sigma
    }
    guard let begun else {
      begun = (slope, Array(sample.floats))
      let width = sigmas[index + 1] - sigma
      for position in slope.indices { sample.data[position] += slope[position] * width }
      return
    }
    let width = sigma - sigmas[index - 1]
    for position in slope.indices {
      let mean = (begun.slope[position] + slope[position]) / 2
      sample.data[position] = begun.sample[position] + mean * width
    }
    self.begun = nil
  }
}
