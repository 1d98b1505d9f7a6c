#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension SchedulerClass {
  static let uniPCMultistep = SchedulerClass(
    "UniPCMultistepScheduler",
    keys: sigmaSteps + thresholding + [
      "solver_order", "predict_x0", "solver_type", "lower_order_final", "disable_corrector",
      "use_flow_sigmas", "flow_shift", "rescale_betas_zero_snr", "use_dynamic_shifting",
      "time_shift_type", "solver_p", "shift_terminal",
    ], spacing: .linspace, usesSigmas: true, highestOrder: 3
  ) { (config, settings, schedule) throws(DiffusionError) in
    let own = try UniPCMultistepScheduler.Settings(config, settings)
    return { (steps, _) throws(DiffusionError) in
      try UniPCMultistepScheduler(settings, own, schedule: schedule, steps: steps)
    }
  }
}

/// diffusers' `UniPCMultistepScheduler`: a multi-step prediction, corrected by the next one's model output
/// without running the model again. Zhao et al., 2023 (arXiv:2302.04867).
struct UniPCMultistepScheduler: Scheduler {
  /// What the class alone reads of a configuration.
  struct Settings: Sendable {
    /// B(h): h itself, or eʰ − 1.
    enum Kind: String, Sendable {
      case bh1
      case bh2
    }

    let order: Int
    let kind: Kind
    let lowerOrderFinal: Bool
    /// Steps after which nothing is corrected.
    let uncorrected: Set<Int>
    let finalSigma: FinalSigma
    let karras: KarrasSigmas?

    init(_ config: ConfigReader, _ settings: SchedulerSettings) throws(DiffusionError) {
      order = try config.integer("solver_order", default: 2, in: 1...3)
      try config.require("predict_x0", is: true)
      for key in ["use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas"] {
        try config.require(key, is: false)
      }
      try config.require("solver_p", is: .null)
      try config.require("shift_terminal", is: .null)
      // The class takes these values of its relatives and runs as bh2.
      let type = try config.string("solver_type", default: "bh2")
      kind =
        ["midpoint", "heun", "logrho"].contains(type)
        ? .bh2 : try SchedulerSettings.choice(config, "solver_type", default: .bh2)
      lowerOrderFinal = try config.bool("lower_order_final", default: true)
      uncorrected = Set(
        try config.integers("disable_corrector", default: [], in: 0...100_000))
      finalSigma = try SchedulerSettings.choice(config, "final_sigmas_type", default: .zero)
      karras =
        try config.bool("use_karras_sigmas", default: false)
        ? try KarrasSigmas(config, settings) : nil
    }
  }

  /// x ↦ sample · x + Σ clean[i] · m[i], m the predicted clean samples, the newest first.
  private struct Update: Sendable {
    let sample: Float
    var clean: [Float]

    var isFinite: Bool { sample.isFinite && clean.allSatisfy(\.isFinite) }
  }

  let timesteps: [Float]
  let initialNoiseScale: Float = 1
  let stepsOffset: Int
  private let prediction: PredictionType
  private let own: Settings
  private let run: MultistepSigmas
  /// The clean samples that were predicted, at most `order`, the newest first.
  private var cleans: [[Float]] = []
  /// Where the last step began, and its order.
  private var last: (sample: [Float], order: Int)?

  init(
    _ settings: SchedulerSettings, _ own: Settings, schedule: NoiseSchedule, steps count: Int
  ) throws(DiffusionError) {
    let final: Float? =
      switch own.finalSigma {
      case .zero: 0
      // Of Karras' it is the last once more.
      case .minimum: own.karras == nil ? SigmaTable(schedule).values[0] : nil
      }
    run = try MultistepSigmas(
      settings, schedule, karras: own.karras, rounding: .nearest, usable: settings.trainTimesteps,
      final: final, steps: count)
    timesteps = run.timesteps
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
    self.own = own
    for index in timesteps.indices {
      guard predictor(index, order: order(at: index, known: .max)).isFinite else {
        throw settings.degenerate(at: timesteps[index])
      }
    }
  }

  /// The order of step `index` where `known` clean samples are.
  private func order(at index: Int, known: Int) -> Int {
    let most = own.lowerOrderFinal ? min(own.order, timesteps.count - index) : own.order
    return min(most, known, index + 1)
  }

  /// From `start` to `end`, two places in the run; `others` are the places of older clean samples.
  ///
  /// Returns the update with the factors of the older samples' differences left out, and what those are
  /// found by: Bh, the ratios of their distances to the step's, and the right side b.
  private func base(
    from start: Int, to end: Int, others: [Int], order: Int
  ) -> (sample: Float, clean: Float, share: Float, ratios: [Float], b: [Float]) {
    let (from, to) = (run.levels[start], run.levels[end])
    let h = run.lambda(end) - run.lambda(start)
    let ratios = others.map { (run.lambda($0) - run.lambda(start)) / h } + [1]
    let negative = -h
    let first = expm1(negative)
    var phi = first / negative - 1
    let bh = own.kind == .bh1 ? negative : first
    var factorial: Float = 1
    var b: [Float] = []
    for index in 1...order {
      b.append(phi * factorial / bh)
      factorial *= Float(index + 1)
      phi = phi / negative - 1 / factorial
    }
    return (to.noise / from.noise, -(to.signal * first), -(to.signal * bh), ratios, b)
  }

  /// The next sample of the one at `index`.
  private func predictor(_ index: Int, order: Int) -> Update {
    let base = base(
      from: index, to: index + 1, others: (1..<max(order, 1)).map { index - $0 }, order: order)
    var clean = [base.clean] + Array(repeating: Float(0), count: order - 1)
    guard order > 1 else { return Update(sample: base.sample, clean: clean) }
    let shares: [Float] =
      order == 2
      ? [0.5] : Self.solve(base.ratios.dropLast(), Array(base.b.dropLast()))
    for (place, share) in shares.enumerated() {
      let factor = base.share * share / base.ratios[place]
      clean[place + 1] += factor
      clean[0] -= factor
    }
    return Update(sample: base.sample, clean: clean)
  }

  /// The sample at `index` again, from the one before it, now that its clean sample is known: that is the
  /// first of `clean`.
  private func corrector(_ index: Int, order: Int) -> Update {
    let base = base(
      from: index - 1, to: index, others: (1..<max(order, 1)).map { index - 1 - $0 }, order: order)
    var clean = [0, base.clean] + Array(repeating: Float(0), count: order - 1)
    let shares = order == 1 ? [0.5] : Self.solve(base.ratios[...], base.b)
    for (place, share) in shares.dropLast().enumerated() {
      let factor = base.share * share / base.ratios[place]
      clean[place + 2] += factor
      clean[1] -= factor
    }
    clean[0] += base.share * shares[order - 1]
    clean[1] -= base.share * shares[order - 1]
    return Update(sample: base.sample, clean: clean)
  }

  /// Solves Σ ratiosⱼⁱ xⱼ = bᵢ, at most three equations, by elimination with the largest pivot.
  private static func solve(_ ratios: ArraySlice<Float>, _ right: [Float]) -> [Float] {
    let ratios = ratios.map { Double($0) }
    let count = ratios.count
    var rows: [[Double]] = (0..<count).map { power in
      ratios.map { pow($0, Double(power)) } + [Double(right[power])]
    }
    for column in 0..<count {
      let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
      rows.swapAt(column, pivot)
      for row in 0..<count where row != column {
        let factor = rows[row][column] / rows[column][column]
        for place in column...count { rows[row][place] -= factor * rows[column][place] }
      }
    }
    return (0..<count).map { Float(rows[$0][count] / rows[$0][$0]) }
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    run.levels[index].addNoise(noise, to: sample)
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let level = run.levels[index]
    let clean: [Float] = (0..<sample.count).map { position in
      level.clean(
        prediction, output: output.data[position], sample: sample.data[position])
    }
    if let last, index > 0, !own.uncorrected.contains(index - 1) {
      Self.apply(corrector(index, order: last.order), last.sample, [clean] + cleans, to: sample)
    }
    cleans = [clean] + cleans.prefix(own.order - 1)
    let order = order(at: index, known: cleans.count)
    let begun = Array(sample.floats)
    last = (begun, order)
    Self.apply(predictor(index, order: order), begun, cleans, to: sample)
  }

  private static func apply(
    _ update: Update, _ x: [Float], _ cleans: [[Float]], to out: Tensor
  ) {
    for position in x.indices { out.data[position] = update.sample * x[position] }
    for (factor, clean) in zip(update.clean, cleans) {
      for position in x.indices { out.data[position] += factor * clean[position] }
    }
  }
}
