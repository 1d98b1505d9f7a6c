/// Who makes products with packed weights.
package enum ProductLibrary: CaseIterable, Sendable {
  /// The kernels of CDiffusionKernels.
  case own
  /// OpenBLAS, on weights laid out in plain order block by block.
  case openBLAS

  /// The faster one. With AVX2 and AVX-512 our own was never slower at any shape of SD 1.5 and of
  /// smaller models (Benchmarks/README.md); elsewhere its vectors are the compiler's, and
  /// OpenBLAS has kernels in assembly.
  static func best(with instructions: Instructions) -> ProductLibrary {
    switch instructions {
    case .avx2, .avx512: .own
    case .portable: .openBLAS
    }
  }
}
