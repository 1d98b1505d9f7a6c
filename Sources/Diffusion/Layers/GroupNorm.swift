internal import CDiffusionKernels
internal import Cores

/// Group normalisation, with SiLU after it where asked for. Wu and He, 2018 (arXiv:1803.08494).
struct GroupNorm: Sendable {
  let groups: Int
  let epsilon: Float
  let weight: FloatStorage
  let bias: FloatStorage

  init(
    _ scope: WeightScope, channels: Int, groups: Int, epsilon: Float
  ) throws(DiffusionError) {
    guard channels % groups == 0 else {
      throw .checkpoint(
        scope.reader.file, tensor: scope.prefix,
        "\(channels) channels cannot be normalised in norm_num_groups = \(groups) groups")
    }
    self.groups = groups
    self.epsilon = epsilon
    weight = try scope.vector("weight", count: channels)
    bias = try scope.vector("bias", count: channels)
  }

  /// `out` may be `x`.
  func forward(
    _ x: Tensor, into out: Tensor, silu: Bool, _ compute: Compute
  ) throws(DiffusionError) {
    precondition(x.channels == weight.count && out.shaped(like: x))
    compute.begin(.normalization, rows: x.rows, inputs: x.channels, outputs: x.channels)
    defer { compute.end() }
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let channels = x.channels
    let (affine, slices) = try affineBySlices(x, compute)
    compute.pool.run(slices: slices) { slice in
      let rows = Self.rows(of: x, slice, slices)
      for item in 0..<x.batch {
        let first = item * x.rowsPerItem + rows.lowerBound
        let scale = affine.row(item)
        if silu {
          dk_scale_shift_silu(
            x.row(first), out.row(first), rows.count, channels, scale, scale + channels)
        } else {
          dk_scale_shift(
            x.row(first), out.row(first), rows.count, channels, scale, scale + channels)
        }
      }
    }
  }

  /// What it multiplies each item's channels with and then adds: scales, then shifts, in the arena's
  /// present scope.
  func affine(_ x: Tensor, _ compute: Compute) throws(DiffusionError) -> Rows {
    precondition(x.channels == weight.count)
    compute.begin(.normalization, rows: x.rows, inputs: x.channels, outputs: 0)
    defer { compute.end() }
    return try affineBySlices(x, compute).rows
  }

  /// The same, and in how many slices the map was summed up.
  private func affineBySlices(
    _ x: Tensor, _ compute: Compute
  ) throws(DiffusionError) -> (rows: Rows, slices: Int) {
    let arena = compute.arena
    let channels = x.channels
    let width = 2 * channels
    let affine = Rows(data: try arena.floats(x.batch * width), stride: width)
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    // Of one item alone: its sums are the same whatever is beside it.
    let slices = x.count / x.batch < 1 << 14 ? 1 : min(compute.pool.threads, x.rowsPerItem)
    // Per slice and item: sums, then sums of squares, one double a channel.
    let partials = Moments(
      try arena.floats(2 * slices * x.batch * width), count: slices * x.batch * width)
    compute.pool.run(slices: slices) { slice in
      let rows = Self.rows(of: x, slice, slices)
      for item in 0..<x.batch {
        let sum = partials.data + (slice * x.batch + item) * width
        dk_moments(
          x.row(item * x.rowsPerItem + rows.lowerBound), rows.count, channels, sum,
          sum + channels)
      }
    }
    for item in 0..<x.batch {
      fold(partials, slices: slices, of: x, item: item, into: affine.row(item))
    }
    return (affine, slices)
  }

  private static func rows(of x: Tensor, _ slice: Int, _ slices: Int) -> Range<Int> {
    x.rowsPerItem * slice / slices..<x.rowsPerItem * (slice + 1) / slices
  }

  private func fold(
    _ partials: Moments, slices: Int, of x: Tensor, item: Int,
    into affine: UnsafeMutablePointer<Float>
  ) {
    let channels = x.channels
    let perGroup = channels / groups
    let elements = Double(x.rowsPerItem * perGroup)
    for group in 0..<groups {
      var sum = 0.0
      var square = 0.0
      for slice in 0..<slices {
        let base = partials.data + (slice * x.batch + item) * 2 * channels
        for channel in group * perGroup..<(group + 1) * perGroup {
          sum += base[channel]
          square += base[channels + channel]
        }
      }
      let mean = sum / elements
      let variance = max(square / elements - mean * mean, 0)
      let inverse = 1 / (variance + Double(epsilon)).squareRoot()
      for channel in group * perGroup..<(group + 1) * perGroup {
        let scale = Double(weight.pointer[channel]) * inverse
        affine[channel] = Float(scale)
        affine[channels + channel] = Float(Double(bias.pointer[channel]) - mean * scale)
      }
    }
  }

  /// Doubles in memory of the arena, all zero to begin with.
  private struct Moments: @unchecked Sendable {
    let data: UnsafeMutablePointer<Double>

    init(_ floats: UnsafeMutablePointer<Float>, count: Int) {
      // The arena's memory is raw, 64-byte aligned and not in use as floats meanwhile.
      data = UnsafeMutableRawPointer(floats).bindMemory(to: Double.self, capacity: count)
      data.update(repeating: 0, count: count)
    }
  }
}
