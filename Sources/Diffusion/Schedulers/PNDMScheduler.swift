extension SchedulerClass {
  static let pndm = SchedulerClass(
    "PNDMScheduler", keys: ["set_alpha_to_one", "skip_prk_steps"], spacing: .leading,
    predictions: [.epsilon, .velocity], usesSigmas: false, endsAtOne: false
  ) { (config, settings, schedule) throws(DiffusionError) in
    let skipsRungeKutta = try config.bool("skip_prk_steps", default: false)
    return { (steps, _) throws(DiffusionError) in
      try PNDMScheduler(
        settings, schedule: schedule, skipsRungeKutta: skipsRungeKutta, steps: steps)
    }
  }
}

/// diffusers' `PNDMScheduler`: pseudo linear multi-step, begun by pseudo Runge-Kutta steps unless the
/// configuration skips them. Liu et al., 2022 (arXiv:2202.09778).
///
/// The model runs more often than there are steps: once more without Runge-Kutta (the second timestep
/// is visited twice), eight times more with it (each of the first three steps takes four runs).
struct PNDMScheduler: Scheduler {
  let timesteps: [Float]
  let initialNoiseScale: Float = 1
  let stepsOffset: Int
  private let prediction: PredictionType
  private let alphas: [Float]
  private let lastAlpha: Float
  private let wholeTimesteps: [Int]
  /// Runs of the model, from the first on, that are Runge-Kutta's: 12 or none.
  private let rungeKuttaRuns: Int
  /// Training timesteps that a step goes back.
  private let stride: Int

  /// Runs so far, wherever the first one began.
  private var runs = 0
  /// The latest predictions, at most four, the last one last.
  private var outputs: [[Float]] = []
  /// The sample that the runs of one step start from.
  private var start: [Float] = []
  /// What Runge-Kutta has gathered of its four slopes.
  private var slope: [Float] = []

  /// `skipsRungeKutta`: `skip_prk_steps` of the configuration; without it at least four steps are
  /// needed.
  init(
    _ settings: SchedulerSettings, schedule: NoiseSchedule, skipsRungeKutta: Bool,
    steps count: Int
  ) throws(DiffusionError) {
    let ascending = Array(try settings.wholeTimesteps(count).reversed())
    let total = settings.trainTimesteps
    stride = total / count
    if skipsRungeKutta {
      let twice = ascending.dropLast() + ascending.dropLast().suffix(1) + ascending.suffix(1)
      wholeTimesteps = twice.reversed()
      rungeKuttaRuns = 0
    } else {
      guard count >= 4 else {
        throw .invalid(
          "steps",
          "\(count) is too few for a PNDM with Runge-Kutta steps (skip_prk_steps is false); "
            + "it takes at least 4")
      }
      let half = stride / 2
      let visited = ascending.suffix(4).flatMap { [$0, $0 + half] }.dropLast()
      let twice = visited.flatMap { [$0, $0] }.dropFirst().dropLast()
      wholeTimesteps = twice.reversed() + ascending.dropLast(3).reversed()
      rungeKuttaRuns = twice.count
    }
    timesteps = wholeTimesteps.map { Float($0) }
    stepsOffset = settings.stepsOffset
    prediction = settings.predictionType
    alphas = schedule.alphasCumulative
    lastAlpha = settings.setAlphaToOne ? 1 : alphas[0]
    // The second run of a multi-step looks one stride back up.
    let highest =
      skipsRungeKutta && count > 1
      ? max(wholeTimesteps[0], wholeTimesteps[1] + stride) : wholeTimesteps[0]
    guard wholeTimesteps.allSatisfy({ 0..<total ~= $0 }), highest < total else {
      throw .invalid("steps", "\(count) leads past timestep \(total - 1) with these settings")
    }
    guard alphas[highest] > 0 else { throw settings.degenerate(at: Float(highest)) }
    guard alphas[ascending[0]] < 1 else { throw settings.degenerate(at: Float(ascending[0])) }
  }

  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int) {
    NoiseLevel(alphaCumulative: alphas[wholeTimesteps[index]]).addNoise(noise, to: sample)
  }

  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator
  ) {
    if runs < rungeKuttaRuns {
      rungeKutta(wholeTimesteps[index], output: output, sample: sample)
    } else {
      linearMultistep(wholeTimesteps[index], output: output, sample: sample)
    }
    runs += 1
  }

  private mutating func rungeKutta(_ timestep: Int, output: Tensor, sample: Tensor) {
    let next = timestep - (runs % 2 == 0 ? stride / 2 : 0)
    let from = wholeTimesteps[runs / 4 * 4]
    let values = Array(output.floats)
    switch runs % 4 {
    case 0:
      slope = values.map { 1 / 6 * $0 }
      outputs.append(values)
      start = Array(sample.floats)
      move(sample, from: from, to: next, along: values)
    case 1, 2:
      gather(values, 1 / 3)
      move(sample, from: from, to: next, along: values)
    default:
      gather(values, 1 / 6)
      move(sample, from: from, to: next, along: slope)
    }
  }

  private mutating func gather(_ values: [Float], _ weight: Float) {
    for position in slope.indices { slope[position] += weight * values[position] }
  }

  private mutating func linearMultistep(_ timestep: Int, output: Tensor, sample: Tensor) {
    let values = Array(output.floats)
    if runs == 1 {
      // Heun's second run: again from the first sample, along the mean of both predictions.
      let first = outputs[0]
      let mean = values.indices.map { (values[$0] + first[$0]) / 2 }
      move(sample, from: timestep + stride, to: timestep, along: mean)
      return
    }
    outputs = outputs.suffix(3) + [values]
    start = Array(sample.floats)
    let e = Array(outputs.reversed())
    let direction: [Float] =
      switch e.count {
      case 1: values
      case 2: values.indices.map { (3 * e[0][$0] - e[1][$0]) / 2 }
      case 3: values.indices.map { (23 * e[0][$0] - 16 * e[1][$0] + 5 * e[2][$0]) / 12 }
      default:
        values.indices.map {
          1 / 24 * (55 * e[0][$0] - 59 * e[1][$0] + 37 * e[2][$0] - 9 * e[3][$0])
        }
      }
    move(sample, from: timestep, to: timestep - stride, along: direction)
  }

  /// Formula (9): writes to `sample` where `start` at timestep `from` leads to at `to`.
  private func move(_ sample: Tensor, from: Int, to: Int, along direction: [Float]) {
    let alpha = alphas[from]
    let next = to >= 0 ? alphas[to] : lastAlpha
    let level = NoiseLevel(alphaCumulative: alpha)
    let sampleFactor = (next / alpha).squareRoot()
    let difference = next - alpha
    let divisor =
      alpha * (1 - next).squareRoot() + (alpha * (1 - alpha) * next).squareRoot()
    for position in 0..<sample.count {
      let x = start[position]
      let epsilon = level.epsilon(prediction, output: direction[position], sample: x)
      sample.data[position] = sampleFactor * x - difference * epsilon / divisor
    }
  }
}
