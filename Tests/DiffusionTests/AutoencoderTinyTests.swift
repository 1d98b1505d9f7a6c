import Diffusion
import Foundation
import Testing

/// A checkpoint whose autoencoder is an AutoencoderTiny, in either of its forms.
@Suite("AutoencoderTiny equals diffusers'")
struct AutoencoderTinyTests {
  enum Form: CaseIterable {
    /// In the checkpoint's `vae/`, diffusers' files.
    case folder
    /// In the checkpoint's `vae/`, TAESD's two files.
    case rawFolder
    /// Beside the checkpoint, diffusers' folder.
    case beside
    /// Beside the checkpoint, one of TAESD's two files, which stand together.
    case rawBeside
  }

  private static func withModel(
    _ form: Form, _ body: (SoloModel) throws -> Void
  ) throws {
    let files = Fixture.path("tiny-vae")
    switch form {
    case .folder, .rawFolder:
      try Fixture.withCopy(of: "sd1") { directory in
        try FileManager.default.removeItem(atPath: "\(directory)/vae")
        try FileManager.default.copyItem(
          atPath: "\(files)/\(form == .folder ? "vae" : "raw")", toPath: "\(directory)/vae")
        try Fixture.editJSON("\(directory)/model_index.json") { index in
          index["vae"] = ["diffusers", "AutoencoderTiny"]
        }
        try body(SoloModel(directory: directory, threads: 2))
      }
    case .beside, .rawBeside:
      let path = form == .beside ? "\(files)/vae" : "\(files)/raw/taesd_decoder.pth"
      try body(SoloModel(directory: Fixture.path("sd1"), autoencoder: path, threads: 2))
    }
  }

  private func expected(_ name: String) throws -> (values: [Float], shape: [Int]) {
    try Fixture.tensor("tiny-vae/expected.safetensors", name)
  }

  @Test(arguments: Form.allCases)
  func bothWays(form: Form) throws {
    try Self.withModel(form) { model in
      #expect(model.info.autoencoderClass == "AutoencoderTiny")
      #expect(model.info.warnings.isEmpty, "\(model.info.warnings)")
      let latents = try expected("vae_latents")
      let picture = try model.decode(
        latents.values, height: latents.shape[0], width: latents.shape[1])
      #expect(Fixture.relativeError(picture, try expected("vae_picture").values) < 1e-3)
      let source = try expected("vae_source")
      let mean = try model.encode(
        source.values, height: source.shape[0], width: source.shape[1])
      #expect(Fixture.relativeError(mean, try expected("vae_mean").values) < 1e-3)
    }
  }

  /// A wide picture is decoded some columns at a time, which must not be seen.
  @Test func aWidePicture() throws {
    try Self.withModel(.folder) { model in
      let latents = try expected("wide_latents")
      let picture = try model.decode(
        latents.values, height: latents.shape[0], width: latents.shape[1])
      #expect(Fixture.relativeError(picture, try expected("wide_picture").values) < 1e-3)
    }
  }

  @Test func wholePictures() throws {
    try Self.withModel(.rawBeside) { model in
      var request = DiffusionRequest(prompt: "bells", seed: 5, steps: 3, width: 16, height: 8)
      let picture = try model.generate(request) { _ in }
      #expect(picture.width == 16 && picture.height == 8)
      request.initial = InitialPicture(image: picture, strength: 0)
      _ = try model.generate(request) { _ in }
      let own = try Fixture.model("sd1")
      #expect(own.info.fingerprint != model.info.fingerprint)
    }
  }

  @Test func damagedFilesAreNamed() throws {
    for (path, words) in [
      ("nowhere", "cannot be opened"), ("tiny-vae/expected.safetensors", "layers"),
      ("sd1/unet", "UNet2DConditionModel"), ("tiny-vae", "config.json"),
    ] {
      let error = try #require(throws: DiffusionError.self) {
        try SoloModel(
          directory: Fixture.path("sd1"), autoencoder: Fixture.path(path), threads: 1)
      }
      #expect(error.message.contains(words), "\(error)")
    }
  }
}
