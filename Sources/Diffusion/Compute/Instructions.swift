internal import CDiffusionKernels

/// The instructions that products are made with; tests go through all that the CPU has.
package enum Instructions: String, CaseIterable, Sendable {
  case portable
  case avx2
  case avx512
  /// AVX-512 with dot products of bf16 and of bytes.
  case avx512bf16 = "avx512-bf16"

  /// The best that this CPU has.
  package static let best = Instructions(dk_best_instructions())

  /// Whether this CPU has them.
  package var isAvailable: Bool { kernels.rawValue <= dk_best_instructions().rawValue }

  /// Whether a product of bf16 takes less time than one of f32.
  var multipliesBFloat16: Bool { self == .avx512bf16 }

  private init(_ kernels: dk_instructions) {
    switch kernels {
    case dk_avx512_bf16: self = .avx512bf16
    case dk_avx512: self = .avx512
    case dk_avx2: self = .avx2
    default: self = .portable
    }
  }

  var kernels: dk_instructions {
    switch self {
    case .portable: dk_portable
    case .avx2: dk_avx2
    case .avx512: dk_avx512
    case .avx512bf16: dk_avx512_bf16
    }
  }
}
