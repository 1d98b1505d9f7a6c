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

  /// `out` is not `x`; `spare`, if given, is as large as `out` and is overwritten. Without a timestep, where
  /// `overwriting` is set, `x` is not kept if that saves a map as large as it.
  func forward(
    _ x: Tensor, time: StepTime?, into out: Tensor, spare: Tensor? = nil,
    overwriting: Bool = false, _ compute: Compute
  ) throws(DiffusionError) {
    let arena = compute.arena
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let hidden = if let spare { spare } else { try arena.tensor(like: x, channels: outChannels) }
    try shortcut?.forward(x, into: out, compute)
    if let timeProjection, let time {
      let inner = arena.mark()
      defer { arena.release(to: inner) }
      let normed = try arena.tensor(like: x)
      try norm1.forward(x, into: normed, silu: true, compute)
      let shift = try arena.tensor(like: time.rows, channels: outChannels)
      try timeProjection.forward(time.rows, into: shift, compute)
      try convolve(normed, into: hidden, time, shift: shift, compute)
    } else {
      try conv1.forward(
        x, after: norm1, into: hidden, overwriting: shortcut != nil && overwriting, compute)
    }
    try conv2.forward(
      hidden, after: norm2, into: out, residual: shortcut == nil ? x : out, overwriting: true,
      compute)
  }

  /// The first convolution with the timesteps' part of it, `shift`, a row for every one of `time`.
  private func convolve(
    _ x: Tensor, into out: Tensor, _ time: StepTime, shift: Tensor, _ compute: Compute
  ) throws(DiffusionError) {
    let pictures = time.items.indices
    if pictures.contains(where: { !time.isShared($0) }) { try conv1.forward(x, into: out, compute) }
    var first = 0
    for picture in pictures {
      let count = time.items[picture]
      defer { first += count }
      let rows = time.rows(of: picture)
      let row = shift.row(rows.lowerBound)
      let items = out.items(first..<first + count)
      if time.isShared(picture) {
        dk_start_rows(row, outChannels, row, outChannels, conv1.bias.pointer, 1, outChannels)
        try conv1.forward(
          x.items(first..<first + count), into: items, bias: UnsafePointer(row), compute)
      } else {
        precondition(rows.count == count)
        Self.add(shift.items(rows), to: items, compute)
      }
    }
  }

  /// Adds an item's row of `shift` to each of its pixels.
  private static func add(_ shift: Tensor, to x: Tensor, _ compute: Compute) {
    precondition(shift.batch == x.batch && shift.channels == x.channels)
    let grain = max(1, (1 << 14) / (x.rowsPerItem * x.channels))
    compute.pool.split(x.batch, grain: grain) { items in
      for index in items {
        let item = x.item(index)
        dk_start_rows(
          item.data, x.channels, item.data, x.channels, shift.row(index), item.rows, x.channels)
      }
    }
  }
}
