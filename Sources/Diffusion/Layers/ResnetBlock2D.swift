internal import CDiffusionKernels

/// diffusers' `ResnetBlock2D`: two normalised convolutions, the timestep between them, a shortcut.
struct ResnetBlock2D: Sendable {
  let norm1: GroupNorm
  let conv1: Convolution2D
  let timeProjection: Linear?
  let norm2: GroupNorm
  let conv2: Convolution2D
  let shortcut: Linear?

  var outChannels: Int { conv2.outChannels }

  /// `timeChannels` is nil where there is no timestep, as in an autoencoder.
  init(
    _ scope: WeightScope, in inChannels: Int, out outChannels: Int, timeChannels: Int?,
    groups: Int, epsilon: Float
  ) throws(DiffusionError) {
    norm1 = try GroupNorm(
      scope["norm1"], channels: inChannels, groups: groups, epsilon: epsilon)
    conv1 = try Convolution2D(scope["conv1"], in: inChannels, out: outChannels)
    if let timeChannels {
      timeProjection = try Linear(scope["time_emb_proj"], in: timeChannels, out: outChannels)
    } else {
      timeProjection = nil
    }
    norm2 = try GroupNorm(
      scope["norm2"], channels: outChannels, groups: groups, epsilon: epsilon)
    conv2 = try Convolution2D(scope["conv2"], in: outChannels, out: outChannels)
    shortcut =
      inChannels == outChannels
      ? nil : try Linear(scope["conv_shortcut"], in: inChannels, out: outChannels)
  }

  /// `time` is SiLU of the timestep's embedding, one row for the whole batch; `out` is not `x`.
  /// Where `overwriting` is set, `x` is not kept if that saves a map as large as it.
  func forward(
    _ x: Tensor, time: Tensor?, into out: Tensor, overwriting: Bool = false, _ compute: Compute
  ) throws(DiffusionError) {
    let arena = compute.arena
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let hidden = try arena.tensor(like: x, channels: outChannels)
    try shortcut?.forward(x, into: out, compute)
    do {
      let inner = arena.mark()
      defer { arena.release(to: inner) }
      let normed = shortcut != nil && overwriting ? x : try arena.tensor(like: x)
      try norm1.forward(x, into: normed, silu: true, compute)
      var bias: UnsafePointer<Float>?
      if let timeProjection, let time {
        let shift = try arena.tensor(batch: 1, height: 1, width: 1, channels: outChannels)
        try timeProjection.forward(time, into: shift, compute)
        dk_start_rows(
          shift.data, outChannels, shift.data, outChannels, conv1.bias.pointer, 1, outChannels)
        bias = UnsafePointer(shift.data)
      }
      try conv1.forward(normed, into: hidden, bias: bias, compute)
    }
    try norm2.forward(hidden, into: hidden, silu: true, compute)
    try conv2.forward(hidden, into: out, residual: shortcut == nil ? x : out, compute)
  }
}
