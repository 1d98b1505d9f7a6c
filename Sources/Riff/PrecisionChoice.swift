public import Diffusion

/// What a model's U-Net is to be computed in, as people say it.
public enum PrecisionChoice: String, CaseIterable, Sendable, Decodable {
  case f32
  case bf16
  case int8
  /// bf16 where this CPU multiplies it faster, else f32; never int8.
  case auto

  init(_ precision: Precision) {
    switch precision {
    case .f32: self = .f32
    case .bf16: self = .bf16
    case .int8: self = .int8
    }
  }

  public var precision: Precision {
    switch self {
    case .f32: .f32
    case .bf16: .bf16
    case .int8: .int8
    case .auto: .fastest
    }
  }
}
