#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension SchedulerClass {
  static let dpmSolverMultistep = SchedulerClass(
    "DPMSolverMultistepScheduler",
    keys: sigmaSteps + thresholding + [
      "solver_order", "algorithm_type", "solver_type", "lower_order_final", "euler_at_final",
      "use_lu_lambdas", "use_flow_sigmas", "flow_shift", "lambda_min_clipped", "variance_type",
      "rescale_betas_zero_snr", "use_dynamic_shifting", "time_shift_type",
    ], spacing: .linspace, usesSigmas: true
  ) { (config, settings, schedule) throws(DiffusionError) in
    let own = try DPMSolverMultistepSettings(config, settings)
    return { (steps, _) throws(DiffusionError) in
      try DPMSolverMultistepScheduler(settings, own, schedule: schedule, steps: steps)
    }
  }
}

/// diffusers' `DPMSolverMultistepScheduler` of the types dpmsolver++ and sde-dpmsolver++ (fresh noise at
/// every step) and first or second order. Lu et al., 2022 (arXiv:2211.01095).
///
/// Rounded Karras timesteps may occur twice. A step is known by its place here, as in diffusers where
/// `set_begin_index` was called; found by its timestep, it would be another one there.
struct DPMSolverMultistepScheduler: Scheduler {
  /// The next sample is sample · x + clean · D0 + slope · D1, where D0 is the predicted clean sample
  /// and D1 its change since the last step, times `changeRate`; and, in the stochastic type, `fresh` noise.
  private struct Step: Sendable {
    let sample: Float
    let clean: Float
    let slope: Float
    let changeRate: Float
    let fresh: Float

    var isFinite: Bool {
      sample.isFinite && clean.isFinite && slope.isFinite && changeRate.isFinite
        && fresh.isFinite
    }
  }

  let timesteps: [Float]
  let initialNoiseScale: Float = 1
  let stepsOffset: Int
  private let prediction: PredictionType
  private let levels: [NoiseLevel]
  private let isStochastic: Bool
  private let firstOrder: [Step]
  /// By index; nil where the order is 1 whatever came before.
  private let secondOrder: [Step?]
  /// The clean sample that the last step predicted; empty before the first one.
  private var lastClean: [Float] = []

  /// Throws for so many steps that two of them would fall on one timestep.
  init(
    _ settings: SchedulerSettings, _ own: DPMSolverMultistepSettings, schedule: NoiseSchedule,
    steps count: Int
  ) throws(DiffusionError) {
    let clipped = schedule.alphasCumulative.count { alpha in
      log(alpha.squareRoot()) - log((1 - alpha).squareRoot()) < own.lambdaMinimum
    }
    let usable = settings.trainTimesteps - clipped
    guard usable > 0 else {
      throw .checkpoint(settings.file, "lambda_min_clipped leaves no timestep")
    }
    let run = try MultistepSigmas(
      settings, schedule, karras: own.karras, rounding: own.roundsTimesteps ? .nearest : .cut,
      usable: usable, final: own.finalSigma.value(SigmaTable(schedule)), steps: count)
    timesteps = run.timesteps
    levels = run.levels
    isStochastic = own.isStochastic
    let last = timesteps.count - 1
    let lowOrderEnd =
      own.eulerAtFinal || own.lowerOrderFinal && timesteps.count < 15 || own.finalSigma == .zero
    var firstOrder: [Step] = []
    var secondOrder: [Step?] = []
    for index in 0...last {
      firstOrder.append(
        Self.step(levels[index], to: levels[index + 1], isStochastic: own.isStochastic))
      if own.order == 1 || index == 0 || index == last && lowOrderEnd {
        secondOrder.append(nil)
      } else {
        secondOrder.append(
          Self.step(
            levels[index], to: levels[index + 1], since: levels[index - 1], own))
      }
    }
    guard firstOrder.allSatisfy(\.isFinite), secondOrder.allSatisfy({ $0?.isFinite ?? true })
    else { throw settings.degenerate(at: timesteps[last]) }
    self.firstOrder = firstOrder
    self.secondOrder = secondOrder
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
  }

  /// ln(signal / noise).
  private static func lambda(_ level: NoiseLevel) -> Float { log(level.signal) - log(level.noise) }

  /// Factors of the sample, of −(signal · clean) and of fresh noise in a step of that width.
  private static func factors(
    _ from: NoiseLevel, to: NoiseLevel, width: Float, isStochastic: Bool
  ) -> (sample: Float, decay: Float, fresh: Float) {
    let ratio = to.noise / from.noise
    guard isStochastic else { return (ratio, exp(-width) - 1, 0) }
    return (
      ratio * exp(-width), -(1 - exp(-2 * width)), to.noise * (1 - exp(-2 * width)).squareRoot()
    )
  }

  private static func step(_ from: NoiseLevel, to: NoiseLevel, isStochastic: Bool) -> Step {
    let factors = factors(
      from, to: to, width: lambda(to) - lambda(from), isStochastic: isStochastic)
    return Step(
      sample: factors.sample, clean: -(to.signal * factors.decay), slope: 0, changeRate: 0,
      fresh: factors.fresh)
  }

  private static func step(
    _ from: NoiseLevel, to: NoiseLevel, since: NoiseLevel, _ own: DPMSolverMultistepSettings
  ) -> Step {
    let width = lambda(to) - lambda(from)
    let factors = factors(from, to: to, width: width, isStochastic: own.isStochastic)
    let ratio = (lambda(from) - lambda(since)) / width
    let slope =
      switch own.solverType {
      case .midpoint: -(0.5 * (to.signal * factors.decay))
      case .heun:
        to.signal * (factors.decay / (own.isStochastic ? 2 * width : width) + 1)
      }
    return Step(
      sample: factors.sample, clean: -(to.signal * factors.decay), slope: slope,
      changeRate: 1 / ratio, fresh: factors.fresh)
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    levels[index].addNoise(noise, to: sample)
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let level = levels[index]
    var clean = [Float](repeating: 0, count: sample.count)
    for position in clean.indices {
      clean[position] = level.clean(
        prediction, output: output.data[position], sample: sample.data[position])
    }
    if let step = secondOrder[index], !lastClean.isEmpty {
      for position in clean.indices {
        let change = step.changeRate * (clean[position] - lastClean[position])
        sample.data[position] =
          step.sample * sample.data[position] + step.clean * clean[position]
          + step.slope * change
      }
    } else {
      let step = firstOrder[index]
      for position in clean.indices {
        sample.data[position] =
          step.sample * sample.data[position] + step.clean * clean[position]
      }
    }
    lastClean = clean
    // diffusers draws for the last step as well, of which nothing stays.
    if isStochastic { sample.addNoise(scale: firstOrder[index].fresh, from: &noise) }
  }
}
