public import Diffusion

/// What a model's U-Net and autoencoder are to be computed in, as people say it.
public enum PrecisionChoice: String, CaseIterable, Sendable, Decodable {
  /// 32-bit floats throughout.
  case f32
  /// Weights, and what linear layers and attention multiply, in bfloat16; 3×3 convolutions of large maps in 16-bit
  /// integers.
  case bf16
  /// The U-Net's weights in 8 bits with a scale an output channel; attention and autoencoders as in bf16.
  case int8
  /// bf16 where this CPU multiplies it faster, else f32; never int8.
  case auto

  /// The choice of exactly that one.
  init(_ precision: Precision) {
    switch precision {
    case .f32: self = .f32
    case .bf16: self = .bf16
    case .int8: self = .int8
    }
  }

  /// What that is on this machine.
  public var precision: Precision {
    switch self {
    case .f32: .f32
    case .bf16: .bf16
    case .int8: .int8
    case .auto: .fastest
    }
  }
}
