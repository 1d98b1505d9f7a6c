/// A DDIM scheduler stepped by hand on arrays, for tests.
package struct SchedulerTrial {
  package let timesteps: [Float]
  package let alphasCumulative: [Float]
  private var scheduler: DDIMScheduler
  private var noise = NoiseGenerator(seed: 0)

  /// Reads a `scheduler_config.json`; see ``SchedulerSettings``.
  package init(
    configFile: String, steps: Int, own: Bool = true, pipelineCorrections: Bool = false
  ) throws(DiffusionError) {
    let settings = try SchedulerSettings(
      ddim: ConfigReader(path: configFile), own: own,
      pipelineCorrections: pipelineCorrections)
    let schedule = NoiseSchedule(settings)
    scheduler = try DDIMScheduler(settings, schedule: schedule, steps: steps)
    timesteps = scheduler.timesteps
    alphasCumulative = schedule.alphasCumulative
  }

  /// The sample after step `index`; both arrays have the same number of elements.
  package mutating func step(
    _ index: Int, output: [Float], sample: [Float]
  ) throws(DiffusionError) -> [Float] {
    let arena = Arena()
    let x = try arena.tensor(batch: 1, height: 1, width: sample.count, channels: 1)
    let prediction = try arena.tensor(like: x)
    x.data.update(from: sample, count: sample.count)
    prediction.data.update(from: output, count: sample.count)
    scheduler.step(index, output: prediction, sample: x, noise: &noise)
    // The arena owns what is read here.
    return withExtendedLifetime(arena) { Array(x.floats) }
  }
}
