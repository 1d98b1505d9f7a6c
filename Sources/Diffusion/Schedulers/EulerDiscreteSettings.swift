/// What ``EulerDiscreteScheduler`` alone reads of a configuration.
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
}
