/// What ``DPMSolverMultistepScheduler`` alone reads of a configuration.
struct DPMSolverMultistepSettings: Sendable {
  enum SolverType: String, Sendable {
    case midpoint
    case heun
  }

  /// 1 or 2.
  let order: Int
  /// Whether every step adds fresh noise (`sde-dpmsolver++`).
  let isStochastic: Bool
  let solverType: SolverType
  let lowerOrderFinal: Bool
  let eulerAtFinal: Bool
  let finalSigma: FinalSigma
  let karras: KarrasSigmas?
  /// Timesteps below this ln(signal / noise) are left out, if it is finite.
  let lambdaMinimum: Float
  /// Karras sigmas have whole timesteps, but for the cosine schedule these are cut, not rounded.
  let roundsTimesteps: Bool

  /// Throws `checkpoint` naming the first key whose value is not supported.
  init(
    _ config: ConfigReader, _ settings: SchedulerSettings
  ) throws(DiffusionError) {
    order = try config.integer("solver_order", default: 2, in: 1...2)
    // The class takes these values of its relatives and runs as dpmsolver++ and midpoint.
    try config.require("algorithm_type", is: "dpmsolver++", "deis", "sde-dpmsolver++")
    isStochastic =
      try config.string("algorithm_type", default: "dpmsolver++") == "sde-dpmsolver++"
    let type = try config.string("solver_type", default: "midpoint")
    if ["logrho", "bh1", "bh2"].contains(type) {
      solverType = .midpoint
    } else {
      solverType = try SchedulerSettings.choice(config, "solver_type", default: .midpoint)
    }
    for key in [
      "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "use_flow_sigmas",
    ] {
      try config.require(key, is: false)
    }
    try config.require("variance_type", is: .null)
    lowerOrderFinal = try config.bool("lower_order_final", default: true)
    eulerAtFinal = try config.bool("euler_at_final", default: false)
    finalSigma = try SchedulerSettings.choice(config, "final_sigmas_type", default: .zero)
    karras =
      try config.bool("use_karras_sigmas", default: false)
      ? try KarrasSigmas(config, settings) : nil
    if case .number(-Double.infinity) = config.present("lambda_min_clipped") {
      lambdaMinimum = -.infinity
    } else if config.has("lambda_min_clipped") {
      lambdaMinimum = Float(try config.double("lambda_min_clipped"))
    } else {
      lambdaMinimum = -.infinity
    }
    roundsTimesteps = settings.betaSchedule != .squaredCosine
  }
}
