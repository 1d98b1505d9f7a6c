#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension SchedulerClass {
  static let deisMultistep = SchedulerClass(
    "DEISMultistepScheduler",
    keys: thresholding + [
      "solver_order", "algorithm_type", "solver_type", "lower_order_final", "use_karras_sigmas",
      "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas", "flow_shift", "sigma_min",
      "sigma_max", "use_dynamic_shifting", "time_shift_type",
    ], spacing: .linspace, usesSigmas: true, highestOrder: 3,
    algorithms: ["deis", "dpmsolver", "dpmsolver++"], refusesZeroSNR: true
  ) { (config, settings, schedule) throws(DiffusionError) in
    let own = try DEISMultistepScheduler.Settings(config, settings)
    return { (steps, _) throws(DiffusionError) in
      try DEISMultistepScheduler(settings, own, schedule: schedule, steps: steps)
    }
  }
}

/// diffusers' `DEISMultistepScheduler`: the noise is extrapolated by a polynomial in the logarithm of its
/// ratio to the signal, and integrated exactly. Zhang and Chen, 2022 (arXiv:2204.13902).
struct DEISMultistepScheduler: Scheduler {
  /// What the class alone reads of a configuration.
  struct Settings: Sendable {
    let order: Int
    let lowerOrderFinal: Bool
    let karras: KarrasSigmas?

    init(_ config: ConfigReader, _ settings: SchedulerSettings) throws(DiffusionError) {
      order = try config.integer("solver_order", default: 2, in: 1...3)
      // The class takes these values of its relatives and runs as deis and logrho.
      try config.require("algorithm_type", is: "deis", "dpmsolver", "dpmsolver++")
      try config.require("solver_type", is: "logrho", "midpoint", "heun", "bh1", "bh2")
      for key in ["use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas"] {
        try config.require(key, is: false)
      }
      lowerOrderFinal = try config.bool("lower_order_final", default: true)
      karras =
        try config.bool("use_karras_sigmas", default: false)
        ? try KarrasSigmas(config, settings) : nil
    }
  }

  /// Runs shorter than that end with lower orders.
  private static let longRun = 15

  let timesteps: [Float]
  let initialNoiseScale: Float = 1
  let stepsOffset: Int
  private let prediction: PredictionType
  private let own: Settings
  private let run: MultistepSigmas
  /// The noise that was predicted, at most `order` times, the newest first.
  private var epsilons: [[Float]] = []

  init(
    _ settings: SchedulerSettings, _ own: Settings, schedule: NoiseSchedule, steps count: Int
  ) throws(DiffusionError) {
    // Of Karras' the last ratio is there once more.
    run = try MultistepSigmas(
      settings, schedule, karras: own.karras, rounding: .nearest, usable: settings.trainTimesteps,
      final: own.karras == nil ? SigmaTable(schedule).values[0] : nil, steps: count)
    timesteps = run.timesteps
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
    self.own = own
    for index in timesteps.indices {
      let (sample, noise) = factors(index, order: order(at: index, known: .max))
      guard sample.isFinite, noise.allSatisfy(\.isFinite) else {
        throw settings.degenerate(at: timesteps[index])
      }
    }
  }

  private func order(at index: Int, known: Int) -> Int {
    let left = timesteps.count - index
    let lowers = own.lowerOrderFinal && timesteps.count < Self.longRun
    return min(own.order, known, index + 1, lowers ? left : .max)
  }

  /// Factors of the sample and of the predicted noise, the newest first, in the next sample.
  private func factors(_ index: Int, order: Int) -> (sample: Float, noise: [Float]) {
    let (from, to) = (run.levels[index], run.levels[index + 1])
    guard order > 1 else {
      let h = run.lambda(index + 1) - run.lambda(index)
      return (to.signal / from.signal, [-(to.noise * (exp(h) - 1))])
    }
    func rho(_ place: Int) -> Float { run.levels[place].noise / run.levels[place].signal }
    let rhos = (0..<order).map { rho(index - $0) }
    let noise = rhos.indices.map { place -> Float in
      // The others in the order in which diffusers has them.
      let others = (1..<order).map { rhos[(place + $0) % order] }
      return to.signal
        * (Self.integral(rho(index + 1), rhos[place], others)
          - Self.integral(rhos[0], rhos[place], others))
    }
    return (to.signal / from.signal, noise)
  }

  /// The integral up to `t` of Lagrange's polynomial in ln ρ that is 1 at `own` and 0 at `others`.
  private static func integral(_ t: Float, _ own: Float, _ others: [Float]) -> Float {
    let (x, b, c) = (log(t), log(own), log(others[0]))
    guard others.count > 1 else { return t * (-c + x - 1) / (b - c) }
    let d = log(others[1])
    return t * (c * (d - x + 1) - d * x + d + x * x - 2 * x + 2) / ((b - c) * (b - d))
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    run.levels[index].addNoise(noise, to: sample)
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let level = run.levels[index]
    let epsilon: [Float] = (0..<sample.count).map { position in
      let x = sample.data[position]
      // By way of the clean sample, as diffusers goes.
      let clean = level.clean(prediction, output: output.data[position], sample: x)
      return (x - level.signal * clean) / level.noise
    }
    epsilons = [epsilon] + epsilons.prefix(own.order - 1)
    let (factor, noise) = factors(index, order: order(at: index, known: epsilons.count))
    for position in 0..<sample.count {
      var value = factor * sample.data[position]
      for (factor, epsilon) in zip(noise, epsilons) { value += factor * epsilon[position] }
      sample.data[position] = value
    }
  }
}
