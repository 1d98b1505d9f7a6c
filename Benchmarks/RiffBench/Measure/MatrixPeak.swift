import COpenBLAS

/// What this machine's cores reach at best: OpenBLAS's product of two 2,048 × 2,048 matrices, on all
/// threads. Taken between the other measurements, since a machine is not always as fast.
struct MatrixPeak {
  private static let size = 2048

  let threads: Int
  /// GFLOP/s of the best product so far.
  private(set) var best = 0.0

  init(threads: Int) { self.threads = threads }

  mutating func measure() {
    let size = Self.size
    let a = [Float](repeating: 1.5, count: size * size)
    let b = [Float](repeating: 0.5, count: size * size)
    var out = [Float](repeating: 0, count: size * size)
    openblas_set_num_threads(Int32(self.threads))
    // The engine makes its products one a thread and sets this itself when it starts.
    defer { openblas_set_num_threads(1) }
    for _ in 0..<4 {
      let product = Stopwatch {
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(size), Int32(size), Int32(size), 1, a,
          Int32(size), b, Int32(size), 0, &out, Int32(size))
      }
      self.best = max(self.best, 2e-9 * Double(size * size * size) / product.seconds)
    }
  }
}
