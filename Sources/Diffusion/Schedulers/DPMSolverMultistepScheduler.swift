#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// diffusers' `DPMSolverMultistepScheduler` of the type dpmsolver++ and first or second order. Lu et
/// al., 2022 (arXiv:2211.01095).
///
/// Rounded Karras timesteps may occur twice. A step is known by its place here, as in diffusers where
/// `set_begin_index` was called; found by its timestep, it would be another one there.
struct DPMSolverMultistepScheduler: Scheduler {
  /// The next sample is sample · x + clean · D0 + slope · D1, where D0 is the predicted clean sample
  /// and D1 its change since the last step, times `changeRate`.
  private struct Step: Sendable {
    let sample: Float
    let clean: Float
    let slope: Float
    let changeRate: Float

    var isFinite: Bool {
      sample.isFinite && clean.isFinite && slope.isFinite && changeRate.isFinite
    }
  }

  let timesteps: [Float]
  let initialNoiseScale: Float = 1
  let stepsOffset: Int
  private let prediction: PredictionType
  private let levels: [NoiseLevel]
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
    let table = SigmaTable(schedule)
    let spaced = try Self.timesteps(settings, own, schedule: schedule, count: count)
    let sigmas: [Float]
    if let karras = own.karras {
      let values = karras.values(
        count, from: Double(table.values[table.values.count - 1]), to: Double(table.values[0]))
      timesteps = values.map { sigma in
        let timestep = table.timestep(of: sigma)
        return Float(
          timestep.rounded(own.roundsTimesteps ? .toNearestOrEven : .towardZero))
      }
      sigmas = values.map { Float($0) } + [own.finalSigma.value(table)]
    } else {
      timesteps = spaced.map { Float($0) }
      sigmas = spaced.map { Float(table.sigma(at: $0)) } + [own.finalSigma.value(table)]
    }
    for (timestep, sigma) in zip(timesteps, sigmas) {
      guard sigma > 0, sigma.isFinite else { throw settings.degenerate(at: timestep) }
    }
    guard zip(sigmas, sigmas.dropFirst().dropLast()).allSatisfy({ $0 > $1 }) else {
      throw .invalid(
        "steps", "\(count) are too many for this scheduler: timesteps would occur twice")
    }
    levels = sigmas.map { NoiseLevel(sigma: $0) }
    let last = timesteps.count - 1
    let lowOrderEnd =
      own.eulerAtFinal || own.lowerOrderFinal && timesteps.count < 15 || own.finalSigma == .zero
    var firstOrder: [Step] = []
    var secondOrder: [Step?] = []
    for index in 0...last {
      let step = Self.step(levels[index], to: levels[index + 1])
      firstOrder.append(step)
      if own.order == 1 || index == 0 || index == last && lowOrderEnd {
        secondOrder.append(nil)
      } else {
        secondOrder.append(
          Self.step(
            levels[index], to: levels[index + 1], since: levels[index - 1], own.solverType))
      }
    }
    guard firstOrder.allSatisfy(\.isFinite), secondOrder.allSatisfy({ $0?.isFinite ?? true })
    else { throw settings.degenerate(at: timesteps[last]) }
    self.firstOrder = firstOrder
    self.secondOrder = secondOrder
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
  }

  /// Timesteps before Karras sigmas replace them, the noisiest first.
  private static func timesteps(
    _ settings: SchedulerSettings, _ own: DPMSolverMultistepSettings, schedule: NoiseSchedule,
    count: Int
  ) throws(DiffusionError) -> [Double] {
    let clipped = schedule.alphasCumulative.count { alpha in
      log(alpha.squareRoot()) - log((1 - alpha).squareRoot()) < own.lambdaMinimum
    }
    let usable = settings.trainTimesteps - clipped
    guard usable > 0 else {
      throw .checkpoint(settings.file, "lambda_min_clipped leaves no timestep")
    }
    switch settings.timestepSpacing {
    case .linspace, .leading:
      return settings.timestepSpacing
        .timesteps(count + 1, of: usable, offset: settings.stepsOffset).dropLast()
        .map { $0.rounded(.toNearestOrEven) }
    case .trailing:
      return TimestepSpacing.trailing(
        from: usable, ratio: Double(settings.trainTimesteps) / Double(count))
    }
  }

  /// ln(signal / noise).
  private static func lambda(_ level: NoiseLevel) -> Float { log(level.signal) - log(level.noise) }

  private static func step(_ from: NoiseLevel, to: NoiseLevel) -> Step {
    let decay = exp(-(lambda(to) - lambda(from))) - 1
    return Step(
      sample: to.noise / from.noise, clean: -(to.signal * decay), slope: 0, changeRate: 0)
  }

  private static func step(
    _ from: NoiseLevel, to: NoiseLevel, since: NoiseLevel,
    _ type: DPMSolverMultistepSettings.SolverType
  ) -> Step {
    let width = lambda(to) - lambda(from)
    let decay = exp(-width) - 1
    let ratio = (lambda(from) - lambda(since)) / width
    let slope =
      switch type {
      case .midpoint: -(0.5 * (to.signal * decay))
      case .heun: to.signal * (decay / width + 1)
      }
    return Step(
      sample: to.noise / from.noise, clean: -(to.signal * decay), slope: slope,
      changeRate: 1 / ratio)
  }

  func scaleModelInput(_ sample: Tensor, step index: Int, into input: Tensor) {
    input.copy(from: sample)
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
  }
}
