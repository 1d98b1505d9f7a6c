internal import CDiffusionKernels
internal import Cores

/// What joins the timestep's embedding in U-Nets whose `addition_embed_type` is `text_time`: the prompt
/// as a whole, then numbers as sinusoids, through two linear layers. Podell et al., 2023 (SDXL,
/// arXiv:2307.01952).
struct TextTimeIDsEmbedding: Sendable {
  private let waves: Timesteps
  /// Numbers that follow the prompt, `time_ids`.
  private let numbers: Int
  private let linear1: Linear
  private let linear2: Linear

  /// From a `context`-wide prompt and `numbers` numbers to `embedding` channels.
  init(
    _ scope: WeightScope, context: Int, waves: Timesteps, numbers: Int, embedding: Int
  ) throws(DiffusionError) {
    self.waves = waves
    self.numbers = numbers
    linear1 = try Linear(
      scope["linear_1"], in: context + numbers * waves.channels, out: embedding, exact: true)
    linear2 = try Linear(scope["linear_2"], in: embedding, out: embedding, exact: true)
  }

  /// [batch, 1, 1, embedding] of prompts as a whole, [batch, 1, 1, context]; `timeIDs` has the numbers
  /// of each, or is empty, which is zeros.
  func forward(
    _ whole: Tensor, timeIDs: [[Float]], _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    guard timeIDs.count == whole.batch, timeIDs.allSatisfy({ $0.isEmpty || $0.count == numbers })
    else { throw .internal("the U-Net takes \(numbers) numbers for each prompt") }
    let arena = compute.arena
    let out = try arena.tensor(like: whole, channels: linear2.outFeatures)
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let joined = try arena.tensor(like: whole, channels: linear1.inFeatures)
    for item in 0..<whole.batch {
      let row = joined.row(item)
      row.update(from: whole.row(item), count: whole.channels)
      for number in 0..<numbers {
        waves.write(
          timeIDs[item].isEmpty ? 0 : timeIDs[item][number],
          to: row + whole.channels + number * waves.channels)
      }
    }
    let hidden = try arena.tensor(like: whole, channels: linear1.outFeatures)
    try linear1.forward(joined, into: hidden, compute)
    dk_silu(hidden.data, hidden.count)
    try linear2.forward(hidden, into: out, compute)
    return out
  }
}
