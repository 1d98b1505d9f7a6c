import Diffusion
import Foundation
import Testing

/// Adapters in each naming, against diffusers with the weights fused (make_lora_fixtures.py).
@Suite("A LoRA is what diffusers makes of it")
struct LoRATests {
  private func picture(_ adapters: [(String, Double)], of model: String = "sd1") throws -> [Float] {
    let model = try SoloModel(
      directory: Fixture.path(model),
      adapters: adapters.map {
        ModelAdapter(path: Fixture.path("lora/\($0.0).safetensors"), weight: $0.1)
      }, threads: 2)
    return try model.picture(
      DiffusionRequest(
        prompt: "funk bassline with a jazzy saxophone solo", seed: 77, steps: 4,
        guidanceScale: 5, width: 24, height: 16)
    ) { _ in }
  }

  private func expected(_ name: String) throws -> [Float] {
    try Fixture.tensor("lora/expected.safetensors", name).values
  }

  @Test(arguments: ["kohya", "peft", "processor"])
  func eachNaming(kind: String) throws {
    let picture = try picture([(kind, 1)])
    #expect(Fixture.relativeError(picture, try expected(kind)) < 1e-3)
    #expect(Fixture.relativeError(picture, try expected("none")) > 1e-2)
  }

  @Test func twoTogether() throws {
    let picture = try picture([("kohya", 0.5), ("peft", -1.25)])
    #expect(Fixture.relativeError(picture, try expected("two")) < 1e-3)
  }

  @Test func noneOfIt() throws {
    #expect(try picture([("kohya", 0)]) == picture([]))
  }

  /// The same weights as one file take the same adapters.
  @Test func besideOneFile() throws {
    let single = try picture([("kohya", 1)], of: "single-file/sd1.ckpt")
    #expect(try picture([("kohya", 1)]) == single)
  }

  @Test(arguments: ["sd1-f16", "sd1-bf16"])
  func narrowWeightsStayNarrow(model: String) throws {
    // Of another model, so a layer is missing or another size, or it fits and gives a picture.
    do {
      let values = try picture([("peft", 1)], of: model)
      #expect(values.allSatisfy(\.isFinite))
    } catch let error as DiffusionError {
      #expect(error.message.contains("peft.safetensors"))
    }
  }

  @Test func theFingerprintIsAnother() throws {
    let path = Fixture.path("lora/peft.safetensors")
    func fingerprint(_ weight: Double?) throws -> String {
      try SoloModel(
        directory: Fixture.path("sd1"),
        adapters: weight.map { [ModelAdapter(path: path, weight: $0)] } ?? [], threads: 1
      ).info.fingerprint
    }
    #expect(Set([try fingerprint(nil), try fingerprint(1), try fingerprint(0.5)]).count == 3)
  }

  // MARK: - What is not one

  private func refused(_ bytes: [UInt8], _ words: String) throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "riff-lora-\(UUID().uuidString).safetensors").path
    try Fixture.write(bytes, to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let error = try #require(throws: DiffusionError.self) {
      try SoloModel(
        directory: Fixture.path("sd1"), adapters: [ModelAdapter(path: path)], threads: 1)
    }
    #expect(error.message.contains(words), "\(error)")
  }

  private func file(_ tensors: [(name: String, shape: [Int])]) -> [UInt8] {
    var entries: [String] = []
    var end = 0
    for (name, shape) in tensors {
      let size = 4 * shape.reduce(1, *)
      entries.append(
        #""\#(name)":{"dtype":"F32","shape":\#(shape),"data_offsets":[\#(end),\#(end + size)]}"#)
      end += size
    }
    let text = Array("{\(entries.joined(separator: ","))}".utf8)
    return Fixture.littleEndian(UInt64(text.count)) + text + [UInt8](repeating: 0, count: end)
  }

  @Test(arguments: [
    ("lora_unet_x.lora_mid.weight", "lora_mid"), ("lora_unet_x.hada_w1_a", "LoHa"),
    ("lora_unet_x.lokr_w1", "LoKr"), ("lora_unet_x.dora_scale", "DoRA"),
    ("unet.x.lora_magnitude_vector.weight", "DoRA"),
    ("lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "Stable Diffusion XL"),
    ("transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", "FLUX"),
    ("model.diffusion_model.out.2.weight", "whole model"), ("surprise", "not part of a LoRA"),
  ])
  func otherKindsSaySo(name: String, words: String) throws {
    try refused(file([(name, [1, 1])]), words)
  }

  @Test func damagedFilesAreNamed() throws {
    let layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    let (up, down) = ("\(layer).lora_up.weight", "\(layer).lora_down.weight")
    try refused([], "0 bytes")
    try refused(file([]), "holds no adapters")
    try refused(file([(down, [2, 8])]), "lacks a matrix")
    try refused(file([("\(layer).alpha", [])]), "lacks a matrix")
    try refused(file([(down, [2, 8]), (up, [8, 3])]), "make no product")
    try refused(file([(down, [0, 8]), (up, [8, 0])]), "make no product")
    try refused(file([(down, []), (up, [8, 2])]), "make no product")
    try refused(file([(down, [2, 9]), (up, [8, 2])]), "has shape")
    try refused(file([(down, [2, 8]), (up, [9, 2])]), "has shape")
    try refused(file([(down, [2, 8]), (up, [8, 2]), ("\(layer).alpha", [2])]), "one number")
    try refused(
      file([
        ("lora_unet_nowhere.lora_down.weight", [2, 8]),
        ("lora_unet_nowhere.lora_up.weight", [8, 2]),
      ]),
      "does not have")
  }
}
