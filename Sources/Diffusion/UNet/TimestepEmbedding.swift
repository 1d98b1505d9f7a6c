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

  /// SiLU of each picture's embedding plus its addition, where there is one: every user of it applies
  /// SiLU first. One row a picture, or as many as its addition has.
  ///
  /// `items` has how many items of the batch each picture has, `additions` one map a picture, or none.
  func forward(
    timesteps: [Float], items: [Int], additions: [Tensor], _ compute: Compute
  ) throws(DiffusionError) -> StepTime {
    precondition(additions.isEmpty || additions.count == timesteps.count)
    let counts = additions.isEmpty ? timesteps.map { _ in 1 } : additions.map(\.batch)
    let out = try compute.arena.tensor(
      batch: counts.reduce(0, +), height: 1, width: 1, channels: linear2.outFeatures)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let input = try compute.arena.tensor(
      batch: timesteps.count, height: 1, width: 1, channels: waves.channels)
    for (picture, timestep) in timesteps.enumerated() {
      waves.write(timestep, to: input.row(picture))
    }
    let hidden = try compute.arena.tensor(like: input, channels: linear1.outFeatures)
    try linear1.forward(input, into: hidden, compute)
    dk_silu(hidden.data, hidden.count)
    let own =
      additions.isEmpty ? out : try compute.arena.tensor(like: input, channels: out.channels)
    try linear2.forward(hidden, into: own, compute)
    let channels = out.channels
    var row = 0
    for (picture, addition) in additions.enumerated() {
      dk_start_rows(
        out.row(row), channels, addition.data, channels, own.row(picture), addition.batch,
        channels)
      row += addition.batch
    }
    dk_silu(out.data, out.count)
    return StepTime(rows: out, counts: counts, items: items)
  }
}
