/// A scheduler that is chosen and configured, but for the number of steps.
struct SchedulerPlan: Sendable {
  private enum Method: Sendable {
    case ddim
    case pndm(skipsRungeKutta: Bool)
    case eulerDiscrete(EulerDiscreteSettings)
    case eulerAncestral
    case dpmSolverMultistep(DPMSolverMultistepSettings)
    case lcm(LCMSettings)
  }

  let settings: SchedulerSettings
  let schedule: NoiseSchedule
  /// What stands in for settings of the file that are not computed here, a sentence each.
  var substitutions: [String] = []
  private let method: Method

  /// `config` holds what the class is given of the file; `usesKarras` is for DPM-Solver alone, whose
  /// two kinds have names of their own.
  ///
  /// Throws `checkpoint` naming the first key whose value is not supported.
  init(
    _ schedulerClass: SchedulerClass, _ config: ConfigReader, usesKarras: Bool
  ) throws(DiffusionError) {
    settings = try SchedulerSettings(config, for: schedulerClass)
    schedule = try NoiseSchedule(settings)
    switch schedulerClass {
    case .ddim: method = .ddim
    case .pndm:
      method = .pndm(skipsRungeKutta: try config.bool("skip_prk_steps", default: false))
    case .eulerDiscrete: method = .eulerDiscrete(try EulerDiscreteSettings(config, settings))
    case .eulerAncestral: method = .eulerAncestral
    case .dpmSolverMultistep:
      method = .dpmSolverMultistep(
        try DPMSolverMultistepSettings(config, settings, usesKarras: usesKarras))
    case .lcm: method = .lcm(try LCMSettings(config, settings))
    }
  }

  /// `steps`: 1 to the timesteps of training; `eta` counts for DDIM alone.
  ///
  /// Throws `invalidArgument` for steps where this scheduler cannot take so many or so few, and
  /// `checkpoint` where a step would divide by nothing.
  func scheduler(steps: Int, eta: Double) throws(DiffusionError) -> any Scheduler {
    guard 1...settings.trainTimesteps ~= steps else {
      throw .invalid(
        "steps", "\(steps) is outside 1 to \(settings.trainTimesteps), the steps of training")
    }
    return switch method {
    case .ddim:
      try DDIMScheduler(settings, schedule: schedule, steps: steps, eta: Float(eta))
    case .pndm(let skipsRungeKutta):
      try PNDMScheduler(
        settings, schedule: schedule, skipsRungeKutta: skipsRungeKutta, steps: steps)
    case .eulerDiscrete(let own):
      try EulerDiscreteScheduler(settings, own, schedule: schedule, steps: steps)
    case .eulerAncestral:
      try EulerAncestralDiscreteScheduler(settings, schedule: schedule, steps: steps)
    case .dpmSolverMultistep(let own):
      try DPMSolverMultistepScheduler(settings, own, schedule: schedule, steps: steps)
    case .lcm(let own):
      try LCMScheduler(settings, own, schedule: schedule, steps: steps)
    }
  }
}
