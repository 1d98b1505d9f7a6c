/// The activations CLIP's text encoders use.
enum CLIPActivation: String, Sendable {
  case quickGELU = "quick_gelu"
  case gelu
}
