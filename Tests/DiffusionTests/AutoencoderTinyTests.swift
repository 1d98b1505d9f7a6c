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

  /// A wide picture is decoded and encoded some columns at a time, which must not be seen.
  @Test func aWidePicture() throws {
    try Self.withModel(.folder) { model in
      let latents = try expected("wide_latents")
      func decode(whole: Bool) throws -> [Float] {
        try model.decode(
          latents.values, height: latents.shape[0], width: latents.shape[1], whole: whole)
      }
      let picture = try decode(whole: false)
      let expected = try expected("wide_picture")
      #expect(Fixture.relativeError(picture, expected.values) < 1e-3)
      #expect(Fixture.relativeError(picture, try decode(whole: true)) < 1e-6)
      func encode(whole: Bool) throws -> [Float] {
        try model.encode(
          expected.values, height: expected.shape[0], width: expected.shape[1], whole: whole)
      }
      #expect(Fixture.relativeError(try encode(whole: false), try encode(whole: true)) < 1e-6)
    }
  }

  /// An autoencoder wide enough for minimal filtering, with random weights.
  private static func withWideLayers(
    _ precision: Precision, _ body: (SoloModel) throws -> Void
  ) throws {
    var shapes: [(name: String, shape: [Int], element: WeightFile.Element)] = []
    func convolution(_ name: String, _ inputs: Int, _ outputs: Int, hasBias: Bool = true) {
      shapes.append(("\(name).weight", [outputs, inputs, 3, 3], .float32))
      if hasBias { shapes.append(("\(name).bias", [outputs], .float32)) }
    }
    func block(_ name: String) {
      for index in [0, 2, 4] { convolution("\(name).conv.\(index)", 16, 16) }
    }
    convolution("encoder.layers.0", 3, 16)
    block("encoder.layers.1")
    convolution("encoder.layers.2", 16, 16, hasBias: false)
    block("encoder.layers.3")
    convolution("encoder.layers.4", 16, 4)
    convolution("decoder.layers.0", 4, 16)
    block("decoder.layers.2")
    convolution("decoder.layers.4", 16, 16, hasBias: false)
    block("decoder.layers.5")
    convolution("decoder.layers.6", 16, 3)
    try WeightFile.with(shapes) { file in
      try FileManager.default.moveItem(
        atPath: "\(file.folder)/weights.safetensors",
        toPath: "\(file.folder)/diffusion_pytorch_model.safetensors")
      let config = """
        {"_class_name": "AutoencoderTiny", "num_encoder_blocks": [1, 1], "num_decoder_blocks": [1, 1],
         "encoder_block_out_channels": [16, 16], "decoder_block_out_channels": [16, 16]}
        """
      try Fixture.write(Array(config.utf8), to: "\(file.folder)/config.json")
      try body(
        SoloModel(
          directory: Fixture.path("sd1"), autoencoder: file.folder, threads: 2,
          precision: precision))
    }
  }

  /// Whether a picture that is decoded in parts is the whole's, bit by bit.
  private static func isTheWholes(_ model: SoloModel, height: Int, width: Int) throws -> Bool {
    var noise = NoiseGenerator(seed: 4)
    let latents = noise.normal(4 * height * width)
    func decode(whole: Bool) throws -> [UInt32] {
      try model.decode(latents, height: height, width: width, whole: whole).map(\.bitPattern)
    }
    return try decode(whole: false) == decode(whole: true)
  }

  static let precisions = [Precision.f32, .bf16]

  /// Parts have the whole's tiles of minimal filtering. In bf16 the whole has enough of them for integers where a part
  /// of its own would not: on the smaller map of 301 columns, on the larger one of the others. Rows of OpenBLAS's
  /// products depend on each other.
  @Test(.enabled(if: Instructions.best != .portable), arguments: [65, 130, 301], precisions)
  func aWidePictureIsTheWholesBitByBit(width: Int, precision: Precision) throws {
    try Self.withWideLayers(precision) { model in
      // Compared outside the expectation, which would print every value.
      let isSame = try Self.isTheWholes(model, height: 3, width: width)
      #expect(isSame)
      var noise = NoiseGenerator(seed: 5)
      let picture = noise.normal(3 * 6 * 2 * width)
      func encode(whole: Bool) throws -> [Float] {
        try model.encode(picture, height: 6, width: 2 * width, whole: whole)
      }
      let error = Fixture.relativeError(try encode(whole: false), try encode(whole: true))
      #expect(error < (precision == .f32 ? 1e-5 : 0.02))
    }
  }

  /// The whole's larger map is written past the caches, its parts' are not.
  @Test(.enabled(if: Instructions.best != .portable), arguments: precisions)
  func aLargePictureIsTheWholesBitByBit(precision: Precision) throws {
    try Self.withWideLayers(precision) { model in
      let isSame = try Self.isTheWholes(model, height: 64, width: 1_024)
      #expect(isSame)
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
