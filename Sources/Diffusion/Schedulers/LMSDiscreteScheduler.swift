extension SchedulerClass {
  /// Linear multi-step through ratios of noise to signal.
  static let lmsDiscrete = SchedulerClass(
    "LMSDiscreteScheduler",
    keys: ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"], spacing: .linspace,
    usesSigmas: true, refusesZeroSNR: true
  ) { (config, settings, schedule) throws(DiffusionError) in
    let own = try EulerDiscreteSettings(config, settings)
    return { (steps, _) throws(DiffusionError) in
      try LMSDiscreteScheduler(settings, own, schedule: schedule, steps: steps)
    }
  }
}

/// diffusers' `LMSDiscreteScheduler` of order 4: the slope is the polynomial through the last four, and its
/// integral the step. After Katherine Crowson's k-diffusion.
struct LMSDiscreteScheduler: Scheduler {
  private static let order = 4

  let timesteps: [Float]
  let initialNoiseScale: Float
  let stepsOffset: Int
  private let prediction: PredictionType
  private let sigmas: [Float]
  /// The latest slopes, at most four, the last one last.
  private var slopes: [[Float]] = []

  init(
    _ settings: SchedulerSettings, _ own: EulerDiscreteSettings, schedule: NoiseSchedule,
    steps count: Int
  ) throws(DiffusionError) {
    (timesteps, sigmas) = try own.run(settings, schedule, steps: count)
    guard zip(sigmas, sigmas.dropFirst()).allSatisfy({ $0 > $1 }) else {
      throw .invalid(
        "steps", "\(count) are too many for this scheduler: timesteps would occur twice")
    }
    initialNoiseScale = settings.initialNoiseScale(sigmas: sigmas)
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
  }

  func scaleModelInput(_ sample: Tensor, step index: Int, into input: Tensor) {
    input.scale(sample, forSigma: sigmas[index])
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    sample.addNoise(noise, sigma: sigmas[index])
  }

  /// What the slope of step `index` − `past` counts for in step `index`, of so many slopes: the integral of
  /// Lagrange's polynomial that is 1 there and 0 at the others. Gauss' two points are exact up to cubics.
  private func coefficient(_ index: Int, past: Int, order: Int) -> Float {
    let (from, to) = (Double(sigmas[index]), Double(sigmas[index + 1]))
    func polynomial(_ sigma: Double) -> Double {
      (0..<order).filter { $0 != past }.reduce(1) { product, other in
        let node = Double(sigmas[index - other])
        return product * (sigma - node) / (Double(sigmas[index - past]) - node)
      }
    }
    let (middle, half) = ((from + to) / 2, (to - from) / 2)
    let offset = half / 3.0.squareRoot()
    return Float(half * (polynomial(middle - offset) + polynomial(middle + offset)))
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let sigma = sigmas[index]
    slopes =
      slopes.suffix(Self.order - 1) + [
        (0..<sample.count).map { position in
          let x = sample.data[position]
          return (x - prediction.clean(output.data[position], sample: x, sigma: sigma)) / sigma
        }
      ]
    // As in diffusers, the order is by the step's place, and where a run begins in the middle, the
    // slopes that are not there count as nothing.
    let order = min(index + 1, Self.order)
    let factors = (0..<min(order, slopes.count)).map {
      (coefficient(index, past: $0, order: order), slopes[slopes.count - 1 - $0])
    }
    for position in 0..<sample.count {
      var sum: Float = 0
      for (factor, slope) in factors { sum += factor * slope[position] }
      sample.data[position] += sum
    }
  }
}
