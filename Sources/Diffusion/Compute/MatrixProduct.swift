internal import COpenBLAS

/// Products of two activations by OpenBLAS, on the calling thread.
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

  /// Multiplications below which waking another thread costs more than it saves.
  static let smallestShared = 1 << 18
}
