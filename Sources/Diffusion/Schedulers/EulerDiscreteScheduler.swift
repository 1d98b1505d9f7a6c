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
    let table = SigmaTable(schedule)
    let spaced = settings.timestepSpacing.timesteps(
      count, of: settings.trainTimesteps, offset: settings.stepsOffset
    ).map { Float($0) }
    let sigmas = spaced.map { table.sigma(at: Double($0)) }
    if let karras = own.karras {
      // A run has at least one step.
      let values = karras.values(sigmas.count, from: sigmas[0], to: sigmas[sigmas.count - 1])
      timesteps = values.map { Float(table.timestep(of: $0)) }
      self.sigmas = values.map { Float($0) } + [own.finalSigma.value(table)]
    } else {
      timesteps = spaced
      self.sigmas = sigmas.map { Float($0) } + [own.finalSigma.value(table)]
    }
    for (timestep, sigma) in zip(timesteps, self.sigmas) {
      guard sigma > 0, sigma.isFinite else { throw settings.degenerate(at: timestep) }
    }
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
