extension SchedulerClass {
  static let ddim = SchedulerClass(
    "DDIMScheduler",
    keys: clipping + thresholding + ["set_alpha_to_one", "rescale_betas_zero_snr"],
    spacing: .leading, usesSigmas: false, clips: true
  ) { (_, settings, schedule) throws(DiffusionError) in
    { (steps, eta) throws(DiffusionError) in
      try DDIMScheduler(settings, schedule: schedule, steps: steps, eta: eta)
    }
  }
}

/// diffusers' `DDIMScheduler`. Song et al., 2020 (arXiv:2010.02502).
struct DDIMScheduler: Scheduler {
  private struct Step: Sendable {
    let level: NoiseLevel
    /// Factors of clean latents, ε and fresh noise in the next sample: formula (12).
    let clean: Float
    let epsilon: Float
    let fresh: Float
  }

  let timesteps: [Float]
  let initialNoiseScale: Float = 1
  let stepsOffset: Int
  private let prediction: PredictionType
  private let clip: Float
  private let eta: Float
  private let steps: [Step]

  /// `eta`: how much of the noise is fresh at each step, 0 … 1.
  ///
  /// Throws where the settings have no such timesteps: more steps than training had, or an offset
  /// that leads past its end.
  init(
    _ settings: SchedulerSettings, schedule: NoiseSchedule, steps count: Int, eta: Float
  ) throws(DiffusionError) {
    let timesteps = try settings.wholeTimesteps(count)
    let alphas = schedule.alphasCumulative
    let last = settings.setAlphaToOne ? 1 : alphas[0]
    self.timesteps = timesteps.map { Float($0) }
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
    clip = settings.clip ?? .infinity
    self.eta = eta
    var steps: [Step] = []
    for timestep in timesteps {
      let previous = timestep - settings.trainTimesteps / count
      let alpha = alphas[timestep]
      let next = previous >= 0 ? alphas[previous] : last
      let variance = (1 - next) / (1 - alpha) * (1 - alpha / next)
      let fresh = eta > 0 ? eta * variance.squareRoot() : 0
      // At η = 1 from pure noise nothing of ε is left, and rounding may lead below.
      let rest = 1 - next - fresh * fresh
      let step = Step(
        level: NoiseLevel(alphaCumulative: alpha), clean: next.squareRoot(),
        epsilon: rest > 0 ? rest.squareRoot() : 0, fresh: fresh)
      let divisor: Float =
        switch prediction {
        case .epsilon: step.level.signal
        case .velocity: 1
        case .sample: step.level.noise
        }
      guard divisor > 0, fresh.isFinite else {
        throw settings.degenerate(at: Float(timestep))
      }
      steps.append(step)
    }
    self.steps = steps
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    steps[index].level.addNoise(noise, to: sample)
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let step = steps[index]
    for position in 0..<sample.count {
      let x = sample.data[position]
      let predicted = output.data[position]
      var clean = step.level.clean(prediction, output: predicted, sample: x)
      let epsilon = step.level.epsilon(prediction, output: predicted, sample: x)
      // NaN passes through, to be found in the picture.
      if clean > clip { clean = clip }
      if clean < -clip { clean = -clip }
      sample.data[position] = step.clean * clean + step.epsilon * epsilon
    }
    if eta > 0 { sample.addNoise(scale: step.fresh, from: &noise) }
  }
}
