internal import CDiffusionKernels
internal import Cores

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

  /// `time` is SiLU of the timestep's embedding, one row for the whole batch or one an item; `out` is
  /// not `x`.
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
      var shift: Tensor?
      if let timeProjection, let time {
        let row = try arena.tensor(like: time, channels: outChannels)
        try timeProjection.forward(time, into: row, compute)
        shift = row
      }
      if let shift, shift.batch == 1 {
        dk_start_rows(
          shift.data, outChannels, shift.data, outChannels, conv1.bias.pointer, 1, outChannels)
        try conv1.forward(normed, into: hidden, bias: UnsafePointer(shift.data), compute)
      } else {
        try conv1.forward(normed, into: hidden, compute)
        if let shift { Self.add(shift, to: hidden) }
      }
    }
    try norm2.forward(hidden, into: hidden, silu: true, compute)
    try conv2.forward(hidden, into: out, residual: shortcut == nil ? x : out, compute)
  }

  /// Adds an item's row of `shift` to each of its pixels.
  private static func add(_ shift: Tensor, to x: Tensor) {
    precondition(shift.batch == x.batch && shift.channels == x.channels)
    for index in 0..<x.batch {
      let item = x.item(index)
      dk_start_rows(
        item.data, x.channels, item.data, x.channels, shift.row(index), item.rows, x.channels)
    }
  }
}
