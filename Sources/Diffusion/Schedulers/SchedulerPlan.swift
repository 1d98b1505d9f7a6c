/// A scheduler that is chosen and configured, but for the number of steps.
struct SchedulerPlan: Sendable {
  let settings: SchedulerSettings
  let schedule: NoiseSchedule
  /// What stands in for settings of the file that are not computed here, a sentence each.
  var substitutions: [String] = []
  private let maker: SchedulerClass.Maker

  /// `config` holds what the class is given of the file.
  ///
  /// Throws `checkpoint` naming the first key whose value is not supported.
  init(_ schedulerClass: SchedulerClass, _ config: ConfigReader) throws(DiffusionError) {
    settings = try SchedulerSettings(config, for: schedulerClass)
    schedule = try NoiseSchedule(settings)
    maker = try schedulerClass.prepare(config, settings, schedule)
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
    return try maker(steps, Float(eta))
  }
}
