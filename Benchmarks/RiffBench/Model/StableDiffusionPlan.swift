import Foundation

/// The parts of a Stable Diffusion 1.x model whose configurations lie in a folder in diffusers'
/// layout; it needs no weights.
struct StableDiffusionPlan {
  static let tokens = 77

  let folder: String
  let unet: UNetPlan
  let autoencoder: AutoencoderPlan
  let textEncoder: TextEncoderPlan
  /// One that may be used instead of its own.
  let tiny: AutoencoderTinyPlan

  init(folder: String) throws {
    self.folder = folder
    self.unet = try Self.read("\(folder)/unet/config.json")
    self.autoencoder = try Self.read("\(folder)/vae/config.json")
    self.tiny = try Self.read("\(folder)/vae-tiny/config.json")
    self.textEncoder = try Self.read("\(folder)/text_encoder/config.json")
  }

  private static func read<Part: Decodable>(_ path: String) throws -> Part {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Part.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}
