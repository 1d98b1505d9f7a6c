/// What ``LCMScheduler`` alone reads of a configuration.
struct LCMSettings: Sendable {
  /// Steps of the schedule that the model was distilled on; a run picks some of them.
  let originalSteps: Int
  let timestepScaling: Float

  /// Throws `checkpoint` naming the first key whose value is not supported.
  init(_ config: ConfigReader, _ settings: SchedulerSettings) throws(DiffusionError) {
    let total = settings.trainTimesteps
    let most = 1...total
    guard config.has("original_inference_steps") || most ~= 50 else {
      throw config.failure(
        "original_inference_steps", "is missing and its default, 50, is more than \(total)")
    }
    originalSteps = try config.integer("original_inference_steps", default: 50, in: most)
    timestepScaling = Float(try config.double("timestep_scaling", default: 10))
  }
}
