import Diffusion

extension LayerKind {
  var title: String {
    switch self {
    case .convolution: "3×3 convolutions"
    case .pointwise: "1×1 convolutions"
    case .linear: "linear layers"
    case .attention: "attention, without its projections"
    case .normalization: "norms, with SiLU"
    case .activation: "GEGLU and the like"
    case .layout: "joining and repeating"
    case .other: "the rest"
    }
  }
}
