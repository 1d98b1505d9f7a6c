internal import CDiffusionKernels
internal import COpenBLAS

/// Products by OpenBLAS, one call a thread.
enum MatrixProduct {
  /// out[m×n] = scale · a[m×k] · b[n×k]ᵀ + keep · out.
  static func transposed(
    _ m: Int, _ n: Int, _ k: Int, a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>,
    bStride: Int, out: UnsafeMutablePointer<Float>, outStride: Int, keep: Float
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(m), Int32(n), Int32(k), 1, a, Int32(aStride),
      b, Int32(bStride), keep, out, Int32(outStride))
  }

  /// out[m×n] = a[m×k] · b[k×n].
  static func plain(
    _ m: Int, _ n: Int, _ k: Int, a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>,
    bStride: Int, out: UnsafeMutablePointer<Float>, outStride: Int
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(m), Int32(n), Int32(k), 1, a,
      Int32(aStride), b, Int32(bStride), 0, out, Int32(outStride))
  }

  /// out = input · weightᵀ + bias + residual over all threads.
  ///
  /// Many rows are shared out by rows, few by columns of the result, so that each thread packs the
  /// smaller part of the weights. `residual` may be `out` itself; neither may be `input`.
  static func linear(
    input: Rows, rows: Int, weight: UnsafePointer<Float>, columns: Int, depth: Int,
    bias: UnsafePointer<Float>?, residual: Rows?, out: Rows, pool: ComputePool
  ) {
    let weight = ConstantFloats(weight)
    let bias = bias.map(ConstantFloats.init)
    let keep: Float = bias == nil && residual == nil ? 0 : 1
    let body: @Sendable (Range<Int>, Range<Int>) -> Void = { rows, columns in
      let target = out.row(rows.lowerBound) + columns.lowerBound
      if keep != 0 {
        dk_start_rows(
          target, out.stride, residual.map { $0.row(rows.lowerBound) + columns.lowerBound },
          residual?.stride ?? 0, bias.map { $0.data + columns.lowerBound }, rows.count,
          columns.count)
      }
      transposed(
        rows.count, columns.count, depth, a: input.row(rows.lowerBound), aStride: input.stride,
        b: weight.data + columns.lowerBound * depth, bStride: depth, out: target,
        outStride: out.stride, keep: keep)
    }
    let work = rows * columns * depth
    guard work >= smallestShared else {
      body(0..<rows, 0..<columns)
      return
    }
    if rows >= columns {
      pool.split(rows, grain: 16) { body($0, 0..<columns) }
    } else {
      // Whole groups of 16 columns keep the slices on the kernel's own tile edges.
      let groups = (columns + 15) / 16
      pool.split(groups, grain: 1) { part in
        body(0..<rows, part.lowerBound * 16..<min(part.upperBound * 16, columns))
      }
    }
  }

  /// Multiplications below which waking another thread costs more than it saves.
  static let smallestShared = 1 << 18
}
