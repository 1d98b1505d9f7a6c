#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// diffusers' `DDIMScheduler` with η = 0. Song et al., 2020 (arXiv:2010.02502).
struct DDIMScheduler: Scheduler {
  /// Factors of one step: how prediction and sample make the clean latents and the noise in them,
  /// and how those make the next sample.
  private struct Step: Sendable {
    let cleanOfSample: Float
    let cleanOfOutput: Float
    let noiseOfSample: Float
    let noiseOfOutput: Float
    let nextOfClean: Float
    let nextOfNoise: Float
    /// √ᾱ and √(1 − ᾱ) at the timestep.
    let signal: Float
    let noise: Float
  }

  let timesteps: [Float]
  let initialNoiseScale: Float = 1
  let stepsOffset: Int
  private let steps: [Step]
  private let clip: Float?

  /// Throws where the settings have no such timesteps: more steps than training had, or an offset
  /// that leads past its end.
  init(
    _ settings: SchedulerSettings, schedule: NoiseSchedule, steps count: Int
  ) throws(DiffusionError) {
    let total = schedule.timesteps
    guard 1...total ~= count else {
      throw .invalid("steps", "\(count) is outside 1 to \(total), the steps of training")
    }
    let timesteps = Self.timesteps(settings, total: total, count: count)
    guard timesteps.allSatisfy({ 0..<total ~= $0 }) else {
      throw .invalid(
        "steps",
        "\(count) leads past timestep \(total - 1) with the model's steps_offset; "
          + "fewer steps are possible")
    }
    let alphas = schedule.alphasCumulative
    let last = settings.setAlphaToOne ? 1 : alphas[0]
    self.timesteps = timesteps.map { Float($0) }
    stepsOffset = settings.stepsOffset
    clip = settings.clipSample ? settings.clipSampleRange : nil
    steps = timesteps.map { timestep in
      let previous = timestep - total / count
      return Self.step(
        settings.predictionType, alpha: alphas[timestep],
        next: previous >= 0 ? alphas[previous] : last)
    }
  }

  private static func step(
    _ prediction: SchedulerSettings.PredictionType, alpha: Float, next: Float
  ) -> Step {
    let signal = alpha.squareRoot()
    let noise = (1 - alpha).squareRoot()
    let nextSignal = next.squareRoot()
    let nextNoise = (1 - next).squareRoot()
    switch prediction {
    case .epsilon:
      return Step(
        cleanOfSample: 1 / signal, cleanOfOutput: -noise / signal, noiseOfSample: 0,
        noiseOfOutput: 1, nextOfClean: nextSignal, nextOfNoise: nextNoise,
        signal: signal, noise: noise)
    case .velocity:
      return Step(
        cleanOfSample: signal, cleanOfOutput: -noise, noiseOfSample: noise,
        noiseOfOutput: signal, nextOfClean: nextSignal, nextOfNoise: nextNoise,
        signal: signal, noise: noise)
    case .sample:
      return Step(
        cleanOfSample: 0, cleanOfOutput: 1, noiseOfSample: 1 / noise,
        noiseOfOutput: -signal / noise, nextOfClean: nextSignal, nextOfNoise: nextNoise,
        signal: signal, noise: noise)
    }
  }

  /// Table 2 of arXiv:2305.08891, with numpy's rounding (half to even).
  private static func timesteps(
    _ settings: SchedulerSettings, total: Int, count: Int
  ) -> [Int] {
    switch settings.timestepSpacing {
    case .linspace:
      let step = count > 1 ? Double(total - 1) / Double(count - 1) : 0
      return (0..<count).reversed().map { index in
        let value = index == count - 1 && count > 1 ? Double(total - 1) : Double(index) * step
        return Int(value.rounded(.toNearestOrEven))
      }
    case .leading:
      return (0..<count).reversed().map { $0 * (total / count) + settings.stepsOffset }
    case .trailing:
      let ratio = Double(total) / Double(count)
      let delta = (Double(total) - ratio) - Double(total)
      return (0..<count).map { index in
        Int((Double(total) + Double(index) * delta).rounded(.toNearestOrEven)) - 1
      }
    }
  }

  func scaleModelInput(_ sample: Tensor, step index: Int, into input: Tensor) {
    input.copy(from: sample)
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    let step = steps[index]
    for position in 0..<sample.count {
      sample.data[position] =
        step.signal * sample.data[position] + step.noise * noise.data[position]
    }
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    let step = steps[index]
    let clip = clip ?? .infinity
    for position in 0..<sample.count {
      let x = sample.data[position]
      let prediction = output.data[position]
      var clean = step.cleanOfSample * x + step.cleanOfOutput * prediction
      let noise = step.noiseOfSample * x + step.noiseOfOutput * prediction
      if clean > clip { clean = clip }
      if clean < -clip { clean = -clip }
      sample.data[position] = step.nextOfClean * clean + step.nextOfNoise * noise
    }
  }
}
