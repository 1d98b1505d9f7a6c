/// Who makes products with packed weights.
package enum ProductLibrary: CaseIterable, Sendable {
  /// The kernels of CDiffusionKernels.
  case own
  /// OpenBLAS, on weights laid out in plain order block by block.
  case openBLAS

  /// The library that runs. With AVX-512 our own takes 0.64 to 1.23 of OpenBLAS's time, about the same
  /// on large linear layers (Benchmarks/README.md). With AVX2 OpenBLAS's kernels are faster on the
  /// large ones, but what its plain layout of the weights costs is not measured, so our own runs there
  /// too. Elsewhere our vectors are the compiler's, and OpenBLAS has kernels in assembly.
  static func best(with instructions: Instructions) -> ProductLibrary {
    switch instructions {
    case .avx2, .avx512, .avx512bf16: .own
    case .portable: .openBLAS
    }
  }
}
