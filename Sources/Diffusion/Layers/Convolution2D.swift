internal import CDiffusionKernels

/// A square convolution over a channels-last map: patches gathered into rows, then one product.
struct Convolution2D: Sendable {
  /// What lies outside the map, in pixels before and after; all of it is 0.
  struct Padding: Sendable {
    let before: Int
    let after: Int

    static let same = Padding(before: 1, after: 1)
  }

  let weight: MatrixWeight
  let bias: FloatStorage
  let inChannels: Int
  let outChannels: Int
  let kernel: Int
  let stride: Int
  let padding: Padding

  init(
    _ scope: WeightScope, in inChannels: Int, out outChannels: Int, kernel: Int = 3,
    stride: Int = 1, padding: Padding? = nil
  ) throws(DiffusionError) {
    let tensor = try scope.stored(
      convolution: "weight", shape: [outChannels, inChannels, kernel, kernel])
    weight = scope.reader.matrix(
      [tensor], columns: inChannels * kernel * kernel, taps: kernel * kernel)
    bias = try scope.vector("bias", count: outChannels)
    self.inChannels = inChannels
    self.outChannels = outChannels
    self.kernel = kernel
    self.stride = stride
    self.padding = padding ?? Padding(before: kernel / 2, after: kernel / 2)
  }

  func outputSize(_ size: Int) -> Int {
    (size + padding.before + padding.after - kernel) / stride + 1
  }

  /// `out` has this layer's output size; `bias` replaces the layer's own; `residual` may be `out`.
  func forward(
    _ x: Tensor, into out: Tensor, bias: UnsafePointer<Float>? = nil, residual: Tensor? = nil,
    _ compute: Compute
  ) throws(DiffusionError) {
    precondition(
      x.channels == inChannels && out.channels == outChannels && x.batch == out.batch
        && out.height == outputSize(x.height) && out.width == outputSize(x.width))
    compute.begin(
      kernel == 1 ? .pointwise : .convolution, rows: out.rows,
      inputs: inChannels * kernel * kernel, outputs: outChannels)
    defer { compute.end() }
    let bias = bias ?? self.bias.pointer
    let weight = try weight.pointer()
    if kernel == 1 && stride == 1 {
      MatrixProduct.linear(
        input: Rows(x), rows: x.rows, weight: weight, columns: outChannels, depth: inChannels,
        bias: bias, residual: residual.map(Rows.init), out: Rows(out), pool: compute.pool)
    } else {
      let mark = compute.arena.mark()
      defer { compute.arena.release(to: mark) }
      try gathered(x, out, weight, bias, residual, compute)
    }
  }

  /// Floats of patches that a thread keeps at once: 8 MiB.
  private static let patchBudget = 2 << 20

  private func gathered(
    _ x: Tensor, _ out: Tensor, _ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
    _ residual: Tensor?, _ compute: Compute
  ) throws(DiffusionError) {
    let depth = inChannels * kernel * kernel
    let pool = compute.pool
    if out.rows < outChannels * 2 && out.rows * depth <= Self.patchBudget * pool.threads {
      // Few pixels, many channels: all patches once, then each thread its share of the weights.
      let patches = Rows(data: try compute.arena.floats(out.rows * depth), stride: depth)
      pool.split(out.rows, grain: max(1, (1 << 14) / depth)) { rows in
        gather(x, out, rows, patches.row(rows.lowerBound))
      }
      MatrixProduct.linear(
        input: patches, rows: out.rows, weight: weight, columns: outChannels, depth: depth,
        bias: bias, residual: residual.map(Rows.init), out: Rows(out), pool: pool)
      return
    }
    let weight = ConstantFloats(weight)
    let bias = ConstantFloats(bias)
    let block = max(16, min(Self.patchBudget / depth, (out.rows + pool.threads - 1) / pool.threads))
    let patches = Rows(data: try compute.arena.floats(pool.threads * block * depth), stride: depth)
    let slices = out.rows * outChannels * depth < MatrixProduct.smallestShared ? 1 : pool.threads
    pool.run(slices: slices) { slice in
      let buffer = patches.row(slice * block)
      let end = out.rows * (slice + 1) / slices
      var first = out.rows * slice / slices
      while first < end {
        let rows = first..<min(first + block, end)
        gather(x, out, rows, buffer)
        dk_start_rows(
          out.row(first), outChannels, residual?.row(first), outChannels, bias.data, rows.count,
          outChannels)
        MatrixProduct.transposed(
          rows.count, outChannels, depth, a: buffer, aStride: depth, b: weight.data,
          bStride: depth, out: out.row(first), outStride: outChannels, keep: 1)
        first = rows.upperBound
      }
    }
  }

  private func gather(
    _ x: Tensor, _ out: Tensor, _ rows: Range<Int>, _ patches: UnsafeMutablePointer<Float>
  ) {
    dk_patches(
      x.data, x.height, x.width, x.channels, out.height, out.width, kernel, stride,
      padding.before, rows.lowerBound, rows.count, patches)
  }
}
