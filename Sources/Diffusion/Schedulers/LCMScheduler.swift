extension SchedulerClass {
  static let lcm = SchedulerClass(
    "LCMScheduler",
    keys: clipping + thresholding + [
      "set_alpha_to_one", "rescale_betas_zero_snr", "original_inference_steps",
      "timestep_scaling",
    ], spacing: .leading, usesSigmas: false, betas: (0.00085, 0.012, .scaledLinear)
  ) { (config, settings, schedule) throws(DiffusionError) in
    let own = try LCMSettings(config, settings)
    return { (steps, _) throws(DiffusionError) in
      try LCMScheduler(settings, own, schedule: schedule, steps: steps)
    }
  }
}

/// diffusers' `LCMScheduler`: each step predicts the clean latents and makes them noisy again for the
/// next one. Luo et al., 2023 (arXiv:2310.04378).
struct LCMScheduler: Scheduler {
  private struct Step: Sendable {
    let level: NoiseLevel
    /// Shares of the predicted clean latents and of the sample in the result: the boundary condition.
    let clean: Float
    let skip: Float
    /// Where fresh noise brings the result; nil after the last step.
    let next: NoiseLevel?
  }

  private static let sigmaData: Float = 0.5

  let timesteps: [Float]
  let initialNoiseScale: Float = 1
  let stepsOffset: Int
  private let prediction: PredictionType
  private let clip: Float
  private let steps: [Step]

  /// The spacing of the configuration does not count, as in diffusers: timesteps are some of those of
  /// the distillation.
  ///
  /// Throws for more steps than the distillation had.
  init(
    _ settings: SchedulerSettings, _ own: LCMSettings, schedule: NoiseSchedule, steps count: Int
  ) throws(DiffusionError) {
    let original = own.originalSteps
    guard 1...original ~= count else {
      throw .invalid(
        "steps",
        "\(count) is outside 1 to \(original), original_inference_steps of the LCM scheduler")
    }
    let stride = settings.trainTimesteps / original
    let share = Double(original) / Double(count)
    let timesteps = (0..<count).map { index in
      (original - Int((Double(index) * share).rounded(.down))) * stride - 1
    }
    let levels = timesteps.map { timestep in
      NoiseLevel(alphaCumulative: schedule.alphasCumulative[timestep])
    }
    let data = Self.sigmaData * Self.sigmaData
    var steps: [Step] = []
    for (index, timestep) in timesteps.enumerated() {
      let scaled = Float(timestep) * own.timestepScaling
      let step = Step(
        level: levels[index], clean: scaled / (scaled * scaled + data).squareRoot(),
        skip: data / (scaled * scaled + data), next: index + 1 < count ? levels[index + 1] : nil)
      guard step.clean.isFinite, step.skip.isFinite else {
        throw .checkpoint(settings.file, "timestep_scaling is too large")
      }
      guard settings.predictionType != .epsilon || step.level.signal > 0 else {
        throw settings.degenerate(at: Float(timestep))
      }
      steps.append(step)
    }
    self.steps = steps
    self.timesteps = timesteps.map { Float($0) }
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
    clip = settings.clip ?? .infinity
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    steps[index].level.addNoise(noise, to: sample)
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let step = steps[index]
    let signal = step.next?.signal ?? 1
    for position in 0..<sample.count {
      let x = sample.data[position]
      var clean = step.level.clean(prediction, output: output.data[position], sample: x)
      // NaN passes through, to be found in the picture.
      if clean > clip { clean = clip }
      if clean < -clip { clean = -clip }
      sample.data[position] = signal * (step.clean * clean + step.skip * x)
    }
    if let next = step.next { sample.addNoise(scale: next.noise, from: &noise) }
  }
}
