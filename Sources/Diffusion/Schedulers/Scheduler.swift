/// Turns the model's predictions into less noisy latents, step by step.
///
/// One value serves one picture: a scheduler may remember earlier predictions.
protocol Scheduler {
  /// What the model is told at each step, from the noisiest on.
  var timesteps: [Float] { get }
  /// What the initial standard-normal noise is multiplied by.
  var initialNoiseScale: Float { get }
  /// The configuration's `steps_offset` as diffusers' class has it.
  var stepsOffset: Int { get }

  /// How often the model runs in a step, but for the last.
  var runsPerStep: Int { get }

  /// Makes clean latents as noisy as they are at step `index`, in place; `noise` is standard normal
  /// and of the same shape.
  func addNoise(_ noise: Tensor, to sample: Tensor, step index: Int)

  /// Writes what the model is to see at step `index` for `sample`: the sample itself where a scheduler does
  /// not say otherwise.
  func scaleModelInput(_ sample: Tensor, step index: Int, into input: Tensor)

  /// Moves `sample` on by one step, in place. `output` is the model's prediction for it; schedulers
  /// that add noise continue the generator that made the initial noise.
  ///
  /// Steps follow each other up to the last one; the first call may begin anywhere.
  mutating func step(
    _ index: Int, output: Tensor, sample: Tensor, noise: inout NoiseGenerator)
}

extension Scheduler {
  var runsPerStep: Int { 1 }

  func scaleModelInput(_ sample: Tensor, step index: Int, into input: Tensor) {
    input.copy(from: sample)
  }
}
