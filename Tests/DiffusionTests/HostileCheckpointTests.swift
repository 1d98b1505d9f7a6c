import Diffusion
import Foundation
import Testing

/// A damaged or contradictory checkpoint is refused when it is loaded, by file and tensor.
@Suite("Damaged checkpoints are refused by name")
struct HostileCheckpointTests {
  private static let unet = "unet/diffusion_pytorch_model.safetensors"
  private static let bias = "conv_in.bias"

  /// Damages a copy of sd1 and returns the error of loading it.
  private func loading(
    _ damage: (_ directory: String) throws -> Void
  ) throws -> (error: DiffusionError, directory: String) {
    var result: (DiffusionError, String)?
    try Fixture.withCopy(of: "sd1") { directory in
      try damage(directory)
      let error = try #require(throws: DiffusionError.self) {
        try SoloModel(directory: directory, threads: 1)
      }
      result = (error, directory)
    }
    return try #require(result)
  }

  private func expect(
    file: String, tensor: String?, _ damage: (_ path: String) throws -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let (error, directory) = try loading { try damage("\($0)/\(file)") }
    #expect(
      error.kind == .checkpoint(file: "\(directory)/\(file)", tensor: tensor),
      "\(error.message)", sourceLocation: sourceLocation)
  }

  @Test func missingFolder() throws {
    let error = try #require(throws: DiffusionError.self) {
      try SoloModel(directory: "/nowhere/at/all", threads: 1)
    }
    #expect(error.kind == .checkpoint(file: "/nowhere/at/all", tensor: nil))
  }

  @Test(arguments: [0, 1, 7, 8, 100, 5000])
  func truncatedWeights(bytes: Int) throws {
    let (error, directory) = try loading { directory in
      let path = "\(directory)/\(Self.unet)"
      try Fixture.write(Array(try Fixture.read(path).prefix(bytes)), to: path)
    }
    guard case .checkpoint("\(directory)/\(Self.unet)", _) = error.kind else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func dataCutByOneByte() throws {
    let (error, _) = try loading { directory in
      let path = "\(directory)/\(Self.unet)"
      try Fixture.write(Array(try Fixture.read(path).dropLast()), to: path)
    }
    guard case .checkpoint(_, .some) = error.kind else {
      Issue.record("\(error)")
      return
    }
  }

  @Test(arguments: [1 << 60, UInt64.max, 1 << 63, 99_999_999])
  func headerLength(claimed: UInt64) throws {
    try expect(file: Self.unet, tensor: nil) { path in
      let bytes = try Fixture.read(path)
      try Fixture.write(Fixture.littleEndian(claimed) + bytes[8...], to: path)
    }
  }

  @Test(arguments: ["", "[]", "{\"a\":", "\u{0}\u{0}", "{\"a\":1}", "{\"a\":{}}"])
  func headerText(text: String) throws {
    let (error, _) = try loading { directory in
      try Fixture.write(
        Fixture.littleEndian(UInt64(text.utf8.count)) + Array(text.utf8),
        to: "\(directory)/\(Self.unet)")
    }
    guard case .checkpoint = error.kind else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func deepHeader() throws {
    try expect(file: Self.unet, tensor: nil) { path in
      let text = String(repeating: "[", count: 1_000_000)
      try Fixture.write(
        Fixture.littleEndian(UInt64(text.utf8.count)) + Array(text.utf8), to: path)
    }
  }

  @Test func duplicateName() throws {
    try expect(file: Self.unet, tensor: nil) { path in
      let entry = "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"
      let text = "{\"a\":\(entry),\"a\":\(entry)}"
      try Fixture.write(
        Fixture.littleEndian(UInt64(text.utf8.count)) + Array(text.utf8), to: path)
    }
  }

  @Test func missingTensor() throws {
    // Its bytes must stay accounted for, so it is renamed.
    try expect(file: Self.unet, tensor: Self.bias) { path in
      try Fixture.editHeader(path) { $0["other"] = $0.removeValue(forKey: Self.bias) }
    }
  }

  /// What nobody asks for is ignored, and said: fine-tunes bring tensors of their training.
  @Test func surplusTensors() throws {
    let plain = try Fixture.model("sd1")
    try Fixture.withCopy(of: "sd1") { directory in
      try Fixture.editHeader("\(directory)/\(Self.unet)") { header in
        for name in ["zzz.weight", "zzy\u{7}.bias"] {
          header[name] = ["dtype": "I64", "shape": [0], "data_offsets": [0, 0]]
        }
      }
      let model = try SoloModel(directory: directory, threads: 2)
      let warning = try #require(Set(model.info.warnings).subtracting(plain.info.warnings).first)
      #expect(warning.contains("\(directory)/\(Self.unet)") && warning.contains("1 more"))
      #expect(!warning.contains("\u{7}"))
      let request = DiffusionRequest(prompt: "bells", seed: 1, steps: 2, width: 16, height: 16)
      #expect(try model.generate(request) { _ in } == plain.generate(request) { _ in })
    }
  }

  @Test func wrongElementType() throws {
    try expect(file: Self.unet, tensor: Self.bias) { path in
      try Fixture.editHeader(path) { $0[Self.bias]?["dtype"] = "I32" }
    }
  }

  @Test func unknownElementType() throws {
    try expect(file: Self.unet, tensor: Self.bias) { path in
      try Fixture.editHeader(path) { $0[Self.bias]?["dtype"] = "F4" }
    }
  }

  @Test func wrongShape() throws {
    try expect(file: Self.unet, tensor: Self.bias) { path in
      try Fixture.editHeader(path) { $0[Self.bias]?["shape"] = [2, 4] }
    }
  }

  @Test(arguments: [[1 << 40, 1 << 40], [-8], [4_611_686_018_427_387_904], [9]])
  func impossibleShape(shape: [Int]) throws {
    try expect(file: Self.unet, tensor: Self.bias) { path in
      try Fixture.editHeader(path) { $0[Self.bias]?["shape"] = shape }
    }
  }

  @Test(arguments: [[-32, 0], [32, 0], [1 << 50, 1 << 50 + 32], [Int.max - 32, Int.max]])
  func offsetsOutOfRange(offsets: [Int]) throws {
    try expect(file: Self.unet, tensor: Self.bias) { path in
      try Fixture.editHeader(path) { $0[Self.bias]?["data_offsets"] = offsets }
    }
  }

  @Test func overlappingOffsets() throws {
    let (error, _) = try loading { directory in
      try Fixture.editHeader("\(directory)/\(Self.unet)") { header in
        header["conv_out.bias"]?["data_offsets"] = [4, 20]
      }
    }
    guard case .checkpoint(_, .some) = error.kind else {
      Issue.record("\(error)")
      return
    }
  }

  @Test(
    arguments: [
      ("block_out_channels", [8, 8, 20]), ("block_out_channels", [8, 8]),
      ("block_out_channels", [8, 8, 1_000_000_000]), ("attention_head_dim", 5),
      ("layers_per_block", 3), ("layers_per_block", 0), ("cross_attention_dim", 17),
      ("norm_num_groups", 3), ("norm_num_groups", 0), ("in_channels", 9),
      ("class_embed_type", "timestep"), ("act_fn", "mish"), ("sample_size", -1),
      ("down_block_types", ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"]),
      ("_class_name", "UNet3DConditionModel"), ("block_out_channels", "many"),
    ] as [(String, any Sendable)])
  func contradictoryUNet(key: String, value: any Sendable) throws {
    let (error, directory) = try loading { directory in
      try Fixture.editJSON("\(directory)/unet/config.json") { $0[key] = value }
    }
    guard case .checkpoint(let file, _) = error.kind else {
      Issue.record("\(error)")
      return
    }
    #expect(file.hasPrefix("\(directory)/unet/"), "\(error)")
  }

  @Test(
    arguments: [
      ("text_encoder", "hidden_size", 20), ("text_encoder", "hidden_act", "relu"),
      ("text_encoder", "num_hidden_layers", 3), ("text_encoder", "vocab_size", 100),
      ("vae", "latent_channels", 8), ("vae", "scaling_factor", 0), ("vae", "layers_per_block", 2),
      ("vae", "_class_name", "VQModel"),
    ] as [(String, String, any Sendable)])
  func contradictoryPart(part: String, key: String, value: any Sendable) throws {
    let (error, directory) = try loading { directory in
      try Fixture.editJSON("\(directory)/\(part)/config.json") { $0[key] = value }
    }
    guard case .checkpoint(let file, _) = error.kind else {
      Issue.record("\(error)")
      return
    }
    #expect(file.hasPrefix("\(directory)/\(part)/"), "\(error)")
  }

  @Test(
    arguments: [
      ("beta_schedule", 7), ("prediction_type", true), ("num_train_timesteps", 0),
      ("thresholding", "no"), ("beta_end", 7),
    ] as [(String, any Sendable)])
  func unsupportedScheduler(key: String, value: any Sendable) throws {
    try expect(file: "scheduler/scheduler_config.json", tensor: nil) { path in
      try Fixture.editJSON(path) { $0[key] = value }
    }
  }

  @Test func unsupportedPart() throws {
    try expect(file: "model_index.json", tensor: nil) { path in
      try Fixture.editJSON(path) { $0["vae"] = ["diffusers", "AutoencoderTiny"] }
    }
  }

  @Test(arguments: ["", "nonsense", "[1,2", "{\"a\":1}trailing", "{\"a\":01e}", "{\"\\ud800\":1}"])
  func brokenJSON(text: String) throws {
    try expect(file: "unet/config.json", tensor: nil) { path in
      try Fixture.write(Array(text.utf8), to: path)
    }
  }

  /// Not seen when loading (nothing of the data is read then), but in the picture: no kernel may
  /// lose it on the way there.
  @Test(
    arguments: [
      ("text_encoder/model", "text_model.embeddings.position_embedding.weight"),
      ("text_encoder/model", "text_model.encoder.layers.0.self_attn.q_proj.weight"),
      ("text_encoder/model", "text_model.encoder.layers.1.mlp.fc1.bias"),
      ("text_encoder/model", "text_model.final_layer_norm.weight"),
      ("unet/diffusion_pytorch_model", "conv_in.weight"),
      ("unet/diffusion_pytorch_model", "time_embedding.linear_1.weight"),
      ("unet/diffusion_pytorch_model", "down_blocks.0.resnets.0.norm1.weight"),
      ("unet/diffusion_pytorch_model", "down_blocks.0.resnets.0.conv1.weight"),
      (
        "unet/diffusion_pytorch_model",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
      ),
      (
        "unet/diffusion_pytorch_model",
        "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"
      ),
      (
        "unet/diffusion_pytorch_model",
        "up_blocks.1.attentions.0.transformer_blocks.0.ff.net.0.proj.weight"
      ),
      ("unet/diffusion_pytorch_model", "conv_norm_out.bias"),
      ("vae/diffusion_pytorch_model", "post_quant_conv.weight"),
      ("vae/diffusion_pytorch_model", "decoder.mid_block.attentions.0.query.weight"),
      ("vae/diffusion_pytorch_model", "decoder.conv_norm_out.weight"),
      ("vae/diffusion_pytorch_model", "decoder.conv_out.bias"),
    ])
  func notANumber(file: String, tensor: String) throws {
    try refusedInThePicture(file, tensor, .nan)
  }

  @Test(
    arguments: [
      ("unet/diffusion_pytorch_model", "conv_in.weight"),
      ("unet/diffusion_pytorch_model", "conv_out.bias"),
      ("vae/diffusion_pytorch_model", "decoder.conv_out.bias"),
    ])
  func infinite(file: String, tensor: String) throws {
    try refusedInThePicture(file, tensor, .infinity)
  }

  private func refusedInThePicture(_ file: String, _ tensor: String, _ value: Float) throws {
    try Fixture.withCopy(of: "sd1") { directory in
      try Fixture.poke("\(directory)/\(file).safetensors", tensor, value)
      let model = try SoloModel(directory: directory, threads: 2)
      let request = DiffusionRequest(prompt: "bells", seed: 1, steps: 3, width: 16, height: 16)
      let error = try #require(throws: DiffusionError.self) {
        try model.generate(request) { _ in }
      }
      #expect(error.kind == .internal)
      #expect(error.message.contains(directory))
    }
  }
}
