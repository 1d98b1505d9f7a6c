/// What ``EulerDiscreteScheduler`` and its relatives read of a configuration.
struct EulerDiscreteSettings: Sendable {
  let karras: KarrasSigmas?
  let finalSigma: FinalSigma

  /// Throws `checkpoint` naming the first key whose value is not supported.
  init(_ config: ConfigReader, _ settings: SchedulerSettings) throws(DiffusionError) {
    try config.require("interpolation_type", is: "linear")
    try config.require("timestep_type", is: "discrete")
    try config.require("use_exponential_sigmas", is: false)
    try config.require("use_beta_sigmas", is: false)
    finalSigma = try SchedulerSettings.choice(config, "final_sigmas_type", default: .zero)
    karras =
      try config.bool("use_karras_sigmas", default: false)
      ? try KarrasSigmas(config, settings) : nil
  }

  /// Timesteps of a run, and ratios of noise to signal at every one and after the last.
  func run(
    _ settings: SchedulerSettings, _ schedule: NoiseSchedule, steps count: Int
  ) throws(DiffusionError) -> (timesteps: [Float], sigmas: [Float]) {
    let table = SigmaTable(schedule)
    var timesteps = settings.timestepSpacing.timesteps(
      count, of: settings.trainTimesteps, offset: settings.stepsOffset
    ).map { Float($0) }
    var sigmas = timesteps.map { table.sigma(at: Double($0)) }
    if let karras {
      // A run has at least one step.
      sigmas = karras.values(sigmas.count, from: sigmas[0], to: sigmas[sigmas.count - 1])
      timesteps = sigmas.map { Float(table.timestep(of: $0)) }
    }
    let ratios = sigmas.map { Float($0) } + [finalSigma.value(table)]
    for (timestep, sigma) in zip(timesteps, ratios) {
      guard sigma > 0, sigma.isFinite else { throw settings.degenerate(at: timestep) }
    }
    return (timesteps, ratios)
  }
}
