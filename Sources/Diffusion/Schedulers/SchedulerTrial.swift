internal import Cores

/// A scheduler stepped by hand on arrays, for tests. Maps are channels-last.
package struct SchedulerTrial {
  package let timesteps: [Float]
  package let initialNoiseScale: Float
  package let stepsOffset: Int
  package let alphasCumulative: [Float]
  package let warnings: [String]
  /// What stands in for settings that are not computed here.
  package let substitutions: [String]
  package let defaultName: SchedulerName
  private var scheduler: any Scheduler
  private var noise: NoiseGenerator
  private let height: Int
  private let width: Int
  private let channels: Int
  /// One for all steps: 16 MiB at a time would be most of their work.
  private let arena = Arena()

  /// `configuration`: the text of a `scheduler_config.json`; `className`: the class that its
  /// checkpoint names; `name`: nil for that one; `shape`: height, width and channels of the latents.
  package init(
    configuration: String, className: String, pipelineCorrections: Bool = false,
    name: SchedulerName? = nil, steps: Int, eta: Double = 0, seed: UInt64 = 0,
    shape: (height: Int, width: Int, channels: Int) = (1, 1, 8)
  ) throws(DiffusionError) {
    let value: JSONValue
    do {
      value = try JSONParser.parse(Array(configuration.utf8))
    } catch {
      throw .checkpoint("configuration", "\(error)")
    }
    guard case .object(let object) = value else {
      throw .checkpoint("configuration", "holds \(value.kindName)")
    }
    let file = try SchedulerConfiguration(
      ConfigReader(file: "configuration", object: object), className: className,
      pipelineCorrections: pipelineCorrections)
    let plan = try file.plan(name)
    scheduler = try plan.scheduler(steps: steps, eta: eta)
    timesteps = scheduler.timesteps
    initialNoiseScale = scheduler.initialNoiseScale
    stepsOffset = scheduler.stepsOffset
    alphasCumulative = plan.schedule.alphasCumulative
    warnings = file.warnings
    substitutions = plan.substitutions
    defaultName = file.defaultScheduler
    noise = NoiseGenerator(seed: seed)
    (height, width, channels) = shape
  }

  private func tensor(_ values: [Float]) throws(DiffusionError) -> Tensor {
    let tensor = try arena.tensor(batch: 1, height: height, width: width, channels: channels)
    guard values.count == tensor.count else {
      throw .internal("\(values.count) values do not have the stated shape")
    }
    tensor.data.update(from: values, count: values.count)
    return tensor
  }

  /// What a picture begins with: standard-normal noise of the seed, scaled.
  package mutating func initialNoise() throws(DiffusionError) -> [Float] {
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let sample = try tensor(Array(repeating: 0, count: height * width * channels))
    sample.addNoise(scale: initialNoiseScale, from: &noise)
    return Array(sample.floats)
  }

  /// What the model sees of `sample` at step `index`.
  package func modelInput(_ index: Int, sample: [Float]) throws(DiffusionError) -> [Float] {
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let input = try tensor(sample)
    scheduler.scaleModelInput(try tensor(sample), step: index, into: input)
    return Array(input.floats)
  }

  /// Clean latents made as noisy as they are at step `index`.
  package func noisy(
    _ index: Int, sample: [Float], noise: [Float]
  ) throws(DiffusionError) -> [Float] {
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let result = try tensor(sample)
    scheduler.addNoise(try tensor(noise), to: result, step: index)
    return Array(result.floats)
  }

  /// The sample after step `index`.
  package mutating func step(
    _ index: Int, output: [Float], sample: [Float]
  ) throws(DiffusionError) -> [Float] {
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let result = try tensor(sample)
    scheduler.step(index, output: try tensor(output), sample: result, noise: &noise)
    return Array(result.floats)
  }
}
