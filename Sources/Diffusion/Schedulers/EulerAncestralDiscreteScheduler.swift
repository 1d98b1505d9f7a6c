extension SchedulerClass {
  static let eulerAncestral = SchedulerClass(
    "EulerAncestralDiscreteScheduler", keys: ["rescale_betas_zero_snr"], spacing: .linspace,
    predictions: [.epsilon, .velocity], usesSigmas: true
  ) { (_, settings, schedule) throws(DiffusionError) in
    { (steps, _) throws(DiffusionError) in
      try EulerAncestralDiscreteScheduler(settings, schedule: schedule, steps: steps)
    }
  }
}

/// diffusers' `EulerAncestralDiscreteScheduler`: an Euler step below the next ratio of noise to
/// signal, then fresh noise up to it. After Katherine Crowson's k-diffusion.
struct EulerAncestralDiscreteScheduler: Scheduler {
  private struct Step: Sendable {
    let sigma: Float
    let difference: Float
    let fresh: Float
  }

  let timesteps: [Float]
  let initialNoiseScale: Float
  let stepsOffset: Int
  private let prediction: PredictionType
  private let steps: [Step]

  init(
    _ settings: SchedulerSettings, schedule: NoiseSchedule, steps count: Int
  ) throws(DiffusionError) {
    let table = SigmaTable(schedule)
    timesteps = settings.timestepSpacing.timesteps(
      count, of: settings.trainTimesteps, offset: settings.stepsOffset
    ).map { Float($0) }
    let sigmas = timesteps.map { Float(table.sigma(at: Double($0))) } + [0]
    var steps: [Step] = []
    for (index, timestep) in timesteps.enumerated() {
      let from = sigmas[index]
      let to = sigmas[index + 1]
      let up = (to * to * (from * from - to * to) / (from * from)).squareRoot()
      let down = (to * to - up * up).squareRoot()
      guard from > 0, up.isFinite, down.isFinite else {
        throw settings.degenerate(at: timestep)
      }
      steps.append(Step(sigma: from, difference: down - from, fresh: up))
    }
    self.steps = steps
    initialNoiseScale = settings.initialNoiseScale(sigmas: sigmas)
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
  }

  func scaleModelInput(_ sample: Tensor, step index: Int, into input: Tensor) {
    input.scale(sample, forSigma: steps[index].sigma)
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    sample.addNoise(noise, sigma: steps[index].sigma)
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let step = steps[index]
    for position in 0..<sample.count {
      let x = sample.data[position]
      let clean = prediction.clean(output.data[position], sample: x, sigma: step.sigma)
      sample.data[position] = x + (x - clean) / step.sigma * step.difference
    }
    sample.addNoise(scale: step.fresh, from: &noise)
  }
}
