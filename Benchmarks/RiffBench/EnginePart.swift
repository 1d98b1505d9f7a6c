import ArgumentParser
import Diffusion

/// The pieces of work that are compared with the peers'; the raw value is the peers' name of it.
enum EnginePart: String, CaseIterable, CustomStringConvertible, ExpressibleByArgument {
  case unet = "unet"
  case decoder = "vae-decode"
  case encoder = "vae-encode"
  case tinyDecoder = "tiny-decode"

  var description: String {
    switch self {
    case .unet: "U-Net, 64 × 64 latents, batch 1"
    case .decoder: "VAE decode to 512 × 512"
    case .encoder: "VAE encode of 512 × 512"
    case .tinyDecoder: "AutoencoderTiny decode to 512 × 512"
    }
  }

  /// The time that is aimed at, as a share of a peer's, where ours is computed in `precision`.
  func target(_ peer: Peer.Backend, _ precision: Precision, _ instructions: Instructions) -> Double?
  {
    switch (self, precision, peer) {
    case (.unet, .f32, .openvino): instructions == .avx2 ? 0.63 : 0.60
    case (.unet, .bf16, .openvinoDefault): 0.85
    case (.unet, .int8, .openvinoDefault): 0.58
    case (.unet, .int8, .nncf): 0.95
    case (.decoder, .f32, .torch): 0.30
    case (.decoder, .bf16, .torchBF16), (.decoder, .bf16, .openvinoDefault),
      (.decoder, .int8, .torchBF16), (.decoder, .int8, .openvinoDefault):
      0.60
    case (.encoder, .f32, .torch): 0.35
    case (.tinyDecoder, _, .torchBF16): 0.80
    default: nil
    }
  }

  /// The peers that the table has for it.
  func peers(_ precision: Precision) -> [Peer.Backend] {
    switch (self, precision) {
    case (.unet, .f32): [.openvino]
    case (.unet, .bf16): [.torchBF16, .openvinoDefault]
    case (.unet, .int8): [.openvinoDefault, .nncf]
    case (.decoder, .f32), (.encoder, .f32): [.torch]
    case (.decoder, _), (.encoder, _): [.torchBF16, .openvinoDefault]
    case (.tinyDecoder, _): [.torchBF16]
    }
  }
}
