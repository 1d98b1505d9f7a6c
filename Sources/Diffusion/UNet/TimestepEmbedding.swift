internal import CDiffusionKernels
internal import Cores

/// diffusers' `Timesteps` (sinusoids) and `TimestepEmbedding` (two linear layers) in one.
struct TimestepEmbedding: Sendable {
  private let waves: Timesteps
  private let linear1: Linear
  private let linear2: Linear

  init(_ scope: WeightScope, waves: Timesteps, embedding: Int) throws(DiffusionError) {
    self.waves = waves
    linear1 = try Linear(scope["linear_1"], in: waves.channels, out: embedding, exact: true)
    linear2 = try Linear(scope["linear_2"], in: embedding, out: embedding, exact: true)
  }

  /// SiLU of the embedding plus `addition`: every user of it applies SiLU first. One row, or one for
  /// each of the addition's.
  func forward(
    timestep: Float, addition: Tensor?, _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let out = try compute.arena.tensor(
      batch: addition?.batch ?? 1, height: 1, width: 1, channels: linear2.outFeatures)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let input = try compute.arena.tensor(batch: 1, height: 1, width: 1, channels: waves.channels)
    waves.write(timestep, to: input.data)
    let hidden = try compute.arena.tensor(like: input, channels: linear1.outFeatures)
    try linear1.forward(input, into: hidden, compute)
    dk_silu(hidden.data, hidden.count)
    let own = addition == nil ? out : try compute.arena.tensor(like: out.item(0))
    try linear2.forward(hidden, into: own, compute)
    if let addition {
      let channels = out.channels
      dk_start_rows(
        out.data, channels, addition.data, channels, own.data, out.rows, channels)
    }
    dk_silu(out.data, out.count)
    return out
  }
}
