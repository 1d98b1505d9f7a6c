import ArgumentParser

/// The pieces of work that are compared with the peers'; the raw value is the peers' name of it.
enum EnginePart: String, CaseIterable, CustomStringConvertible, ExpressibleByArgument {
  case unet = "unet"
  case decoder = "vae-decode"
  case encoder = "vae-encode"

  var description: String {
    switch self {
    case .unet: "U-Net, 64 × 64 latents, batch 1"
    case .decoder: "VAE decode to 512 × 512"
    case .encoder: "VAE encode of 512 × 512"
    }
  }

  /// The time that is aimed at, as a share of a peer's.
  var target: (peer: Peer.Backend, ratio: Double)? {
    switch self {
    case .unet: (.openvino, 0.63)
    case .decoder: (.torch, 0.30)
    case .encoder: (.torch, 0.35)
    }
  }
}
