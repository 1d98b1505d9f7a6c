internal import CDiffusionKernels
internal import Cores

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// diffusers' `Timesteps` (sinusoids) and `TimestepEmbedding` (two linear layers) in one.
struct TimestepEmbedding: Sendable {
  let frequencies: [Float]
  let channels: Int
  let flipSinToCos: Bool
  let linear1: Linear
  let linear2: Linear

  init(
    _ scope: WeightScope, channels: Int, embedding: Int, flipSinToCos: Bool, frequencyShift: Int
  ) throws(DiffusionError) {
    self.channels = channels
    self.flipSinToCos = flipSinToCos
    let half = channels / 2
    frequencies = (0..<half).map { index in
      Float(exp(-log(10000.0) * Double(index) / Double(half - frequencyShift)))
    }
    linear1 = try Linear(scope["linear_1"], in: channels, out: embedding)
    linear2 = try Linear(scope["linear_2"], in: embedding, out: embedding)
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
    let waves = try compute.arena.tensor(batch: 1, height: 1, width: 1, channels: channels)
    let half = frequencies.count
    waves.data.update(repeating: 0, count: channels)
    for (index, frequency) in frequencies.enumerated() {
      let angle = Double(timestep * frequency)
      waves.data[flipSinToCos ? index : half + index] = Float(cos(angle))
      waves.data[flipSinToCos ? half + index : index] = Float(sin(angle))
    }
    let hidden = try compute.arena.tensor(like: waves, channels: linear1.outFeatures)
    try linear1.forward(waves, into: hidden, compute)
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
