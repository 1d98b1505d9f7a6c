import Diffusion
import Foundation
import Testing

/// Configurations are data: what does not bear on the picture is let be, what diffusers would ignore
/// is named in a warning, what is not supported is an error that names file and key.
@Suite("Configuration files")
struct ConfigurationTests {
  private func withSD1<Result>(
    _ part: String, _ edit: (inout [String: Any]) -> Void,
    _ body: (_ directory: String) throws -> Result
  ) throws -> Result {
    var result: Result?
    try Fixture.withCopy(of: "sd1") { directory in
      try Fixture.editJSON("\(directory)/\(part)", edit)
      result = try body(directory)
    }
    return try #require(result)
  }

  private func load(_ directory: String) throws -> SoloModel {
    try SoloModel(directory: directory, threads: 1)
  }

  @Test func ourOwnFixturesWarnOfNothing() throws {
    #expect(try Fixture.model("sd1").info.warnings == [])
    #expect(try Fixture.model("sd2").info.warnings == [])
    #expect(try Fixture.model("linear-patch").info.warnings == [])
  }

  /// sd1-f16 has the index of the published Stable Diffusion 1.5, which lists folders that are not
  /// there, and its scheduler's file, which has a key of another class.
  @Test func aPublishedCheckpointLoads() throws {
    let info = try Fixture.model("sd1-f16").info
    let folder = Fixture.path("sd1-f16")
    #expect(
      info.warnings == [
        "\(folder)/model_index.json: safety_checker is not run",
        "\(folder)/scheduler/scheduler_config.json: PNDMScheduler does not take clip_sample; "
          + "ignored",
      ])
    #expect(info.defaultScheduler == .pndm)
    #expect(info.widthMultiple == 8 && info.heightMultiple == 8)
  }

  @Test(arguments: [
    ("unet/config.json", "UNet2DConditionModel"), ("vae/config.json", "AutoencoderKL"),
    ("model_index.json", "StableDiffusionPipeline"),
  ])
  func unknownKeysAreNamed(file: String, className: String) throws {
    let warnings = try withSD1(file) { config in
      config["warp_factor"] = 9
      config["_private"] = "is a note of the file's own"
    } _: { directory in
      (try load(directory).info.warnings, directory)
    }
    #expect(
      warnings.0 == [
        "\(warnings.1)/\(file): \(className) does not take warp_factor; ignored"
      ])
  }

  @Test func manyUnknownKeysAreOneSentence() throws {
    let warnings = try withSD1("unet/config.json") { config in
      for index in 0..<5000 {
        config["key \(index)\n\u{1B}" + String(repeating: "x", count: 99)] = 1
      }
    } _: {
      try load($0).info.warnings
    }
    let warning = try #require(warnings.first)
    #expect(warnings.count == 1 && warning.utf8.count < 1500)
    #expect(warning.contains("4992 more") && !warning.contains("\n"))
  }

  /// A text encoder's file has whatever transformers knew of at the time; it warns of nothing.
  @Test func aTextEncodersFileMayHaveMore() throws {
    let warnings = try withSD1("text_encoder/config.json") {
      $0["num_beams"] = 1
    } _: {
      try load($0).info.warnings
    }
    #expect(warnings == [])
  }

  @Test(
    arguments: [
      ("unet", "upcast_attention", true), ("unet", "dropout", 0.1),
      ("unet", "sample_size", [4, 6]),
      ("unet", "layers_per_block", [1, 1, 1]), ("unet", "attention_head_dim", [4, 4, 4]),
      ("unet", "cross_attention_dim", [16, 16, 16]), ("unet", "num_attention_heads", NSNull()),
      ("unet", "only_cross_attention", [false, false, false]),
      ("unet", "transformer_layers_per_block", [1, 1, 1]), ("unet", "act_fn", "swish"),
      ("unet", "resnet_out_scale_factor", 1), ("unet", "addition_embed_type_num_heads", 3),
      ("unet", "projection_class_embeddings_input_dim", 7), ("unet", "time_embedding_dim", 32),
      ("unet", "mid_block_only_cross_attention", false),
      ("vae", "force_upcast", false), ("vae", "sample_size", 1024),
      ("vae", "shift_factor", NSNull()), ("text_encoder", "projection_dim", 5),
      ("text_encoder", "torch_dtype", "float16"),
    ] as [(String, String, any Sendable)])
  func whatChangesNothing(part: String, key: String, value: any Sendable) throws {
    let request = DiffusionRequest(prompt: "bells", seed: 1, steps: 2, width: 16, height: 16)
    let expected = try Fixture.model("sd1", threads: 1).picture(request) { _ in }
    let picture = try withSD1("\(part)/config.json") {
      $0[key] = value
    } _: { directory in
      let model = try load(directory)
      #expect(model.info.warnings == [])
      return try model.picture(request) { _ in }
    }
    #expect(picture == expected)
  }

  @Test(
    arguments: [
      ("unet", "num_attention_heads", 4), ("unet", "norm_num_groups", NSNull()),
      ("unet", "mid_block_type", NSNull()), ("unet", "mid_block_type", "UNetMidBlock2D"),
      ("unet", "center_input_sample", true), ("unet", "dual_cross_attention", true),
      ("unet", "resnet_time_scale_shift", "scale_shift"), ("unet", "addition_embed_type", "text"),
      ("unet", "addition_embed_type", "image"),
      ("unet", "time_cond_proj_dim", 256), ("unet", "conv_in_kernel", 5),
      ("unet", "num_class_embeds", 10), ("unet", "encoder_hid_dim", 8),
      ("unet", "time_embedding_type", "fourier"), ("unet", "attention_type", "gated"),
      ("unet", "only_cross_attention", [false]), ("unet", "only_cross_attention", [1, 2, 3]),
      ("unet", "attention_head_dim", [4, 4]), ("unet", "layers_per_block", [1, 1, 0]),
      ("unet", "transformer_layers_per_block", [[1], [1], [1]]), ("unet", "norm_eps", 0),
      ("unet", "norm_eps", -1e-5), ("unet", "freq_shift", 2), ("unet", "dropout", "much"),
      ("unet", "down_block_types", ["DownBlock2D"]),
      ("vae", "shift_factor", 0.1), ("vae", "latents_mean", [0, 0, 0, 0]),
      ("vae", "scaling_factor", -1), ("vae", "scaling_factor", 1e300), ("vae", "in_channels", 1),
      ("vae", "down_block_types", ["DownEncoderBlock2D", "AttnDownEncoderBlock2D"]),
      ("vae", "act_fn", "relu"), ("vae", "norm_num_groups", NSNull()),
      ("text_encoder", "hidden_act", "gelu_new"), ("text_encoder", "num_attention_heads", 3),
      ("text_encoder", "layer_norm_eps", 0), ("text_encoder", "hidden_size", NSNull()),
    ] as [(String, String, any Sendable)])
  func whatIsNotSupportedIsNamed(part: String, key: String, value: any Sendable) throws {
    try withSD1("\(part)/config.json") {
      $0[key] = value
    } _: { directory in
      let error = try #require(throws: DiffusionError.self) { try load(directory) }
      #expect(
        error.kind == .checkpoint(file: "\(directory)/\(part)/config.json", tensor: nil),
        "\(error)")
      #expect(error.message.contains(key), "\(error)")
    }
  }

  /// The weights say what `use_linear_projection` has to be.
  @Test(arguments: [("sd1", true), ("sd2", false)])
  func projectionsOfTheOtherKind(model: String, linear: Bool) throws {
    try Fixture.withCopy(of: model) { directory in
      try Fixture.editJSON("\(directory)/unet/config.json") { $0["use_linear_projection"] = linear }
      let error = try #require(throws: DiffusionError.self) { try load(directory) }
      guard case .checkpoint(_, let tensor?) = error.kind else {
        Issue.record("\(error)")
        return
      }
      #expect(tensor.hasSuffix("proj_in.weight"))
    }
  }
}
