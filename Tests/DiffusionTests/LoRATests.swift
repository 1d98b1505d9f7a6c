import Diffusion
import Foundation
import Testing

/// Adapters in each naming, against diffusers with the weights fused (make_lora_fixtures.py).
@Suite("A LoRA is what diffusers makes of it")
struct LoRATests {
  /// The two ways in which an adapter works.
  enum Way: CaseIterable {
    /// Added to the weights as they are read.
    case merged
    /// Beside the weights.
    case beside
  }

  private typealias Adapters = [(name: String, weight: Double)]

  private func model(_ merged: Adapters, of model: String, _ precision: Precision = .f32) throws
    -> SoloModel
  {
    try SoloModel(
      directory: Fixture.path(model), merged: merged.map(Self.adapter), threads: 2,
      precision: precision)
  }

  private static func adapter(_ adapter: (name: String, weight: Double)) -> ModelAdapter {
    ModelAdapter(path: Fixture.path("lora/\(adapter.name).safetensors"), weight: adapter.weight)
  }

  private func picture(_ model: SoloModel, _ adapters: Adapters) throws -> [Float] {
    var request = DiffusionRequest(
      prompt: "funk bassline with a jazzy saxophone solo", seed: 77, steps: 4,
      guidanceScale: 5, width: 24, height: 16)
    request.adapters = adapters.map(Self.adapter)
    return try model.picture(request) { _ in }
  }

  private func picture(
    _ adapters: Adapters, _ way: Way = .beside, of name: String = "sd1",
    _ precision: Precision = .f32
  ) throws -> [Float] {
    switch way {
    case .merged: try picture(model(adapters, of: name, precision), [])
    case .beside: try picture(model([], of: name, precision), adapters)
    }
  }

  private func expected(_ name: String) throws -> [Float] {
    try Fixture.tensor("lora/expected.safetensors", name).values
  }

  @Test(arguments: ["kohya", "peft", "processor", "notes"], Way.allCases)
  func eachNaming(kind: String, way: Way) throws {
    let picture = try picture([(kind, 1)], way)
    #expect(Fixture.relativeError(picture, try expected(kind)) < 1e-3)
    #expect(Fixture.relativeError(picture, try expected("none")) > 1e-2)
  }

  @Test(arguments: Way.allCases)
  func twoTogether(way: Way) throws {
    let picture = try picture([("kohya", 0.5), ("peft", -1.25)], way)
    #expect(Fixture.relativeError(picture, try expected("two")) < 1e-3)
    // In whatever order.
    #expect(
      try self.picture([("peft", -1.25), ("kohya", 0.5)], .beside)
        == self.picture(
          [("kohya", 0.5), ("peft", -1.25)], .beside))
  }

  @Test func ofWeightZeroIsNone() throws {
    #expect(try picture([("kohya", 0)]) == picture([]))
  }

  /// One that is merged may be asked for with another weight, and for nothing with its own.
  @Test func mergedAndAskedFor() throws {
    let model = try model([("kohya", 1)], of: "sd1")
    #expect(try picture(model, [("kohya", 1)]) == picture(model, []))
    #expect(
      Fixture.relativeError(try picture(model, [("kohya", 0)]), try expected("none")) < 1e-3)
    let two = try picture(model, [("kohya", 0.5), ("peft", -1.25)])
    #expect(Fixture.relativeError(two, try expected("two")) < 1e-3)
  }

  /// Pictures with and without it may be asked of one model in any order.
  @Test func setsAlternate() throws {
    let model = try model([], of: "sd1")
    let plain = try picture(model, [])
    let changed = try picture(model, [("kohya", 1)])
    #expect(try picture(model, [("peft", 1)]) != changed)
    #expect(try picture(model, []) == plain)
    #expect(try picture(model, [("kohya", 1)]) == changed)
  }

  /// What tells whether sessions of a model share their weights.
  @Test func sessionsTellTheirSet() throws {
    let model = try model([("kohya", 1)], of: "sd1").model
    func set(_ adapters: Adapters) throws -> [ModelAdapter] {
      var request = DiffusionRequest(prompt: "bells", seed: 1, steps: 1, width: 24, height: 16)
      request.adapters = adapters.map(Self.adapter)
      return try model.begin(request).adapters
    }
    #expect(try set([]).isEmpty)
    #expect(try set([("kohya", 1)]).isEmpty)
    #expect(try set([("peft", 1), ("kohya", 0.5)]) == set([("kohya", 0.5), ("peft", 1)]))
    #expect(try set([("peft", 1)]) != set([("peft", 0.5)]))
  }

  /// The same weights as one file take the same adapters.
  @Test(arguments: Way.allCases)
  func besideOneFile(way: Way) throws {
    let single = try picture([("kohya", 1)], way, of: "single-file/sd1.ckpt")
    #expect(try picture([("kohya", 1)], way) == single)
  }

  /// In bf16 and int8 it errs no more than the model without it does, times two.
  @Test(arguments: [Precision.bf16, .int8])
  func inEachPrecision(precision: Precision) throws {
    let bare = Fixture.relativeError(
      try picture([], .beside, of: "sd1", precision), try expected("none"))
    for way in Way.allCases {
      let error = Fixture.relativeError(
        try picture([("kohya", 1)], way, of: "sd1", precision), try expected("kohya"))
      #expect(error < 2 * bare + 1e-3, "\(way): \(error), without it \(bare)")
    }
  }

  @Test func itIsRefusedForAnotherModel() throws {
    for way in Way.allCases {
      let error = try #require(throws: DiffusionError.self) {
        _ = try picture([("kohya", 1)], way, of: "sd2")
      }
      #expect(error.message.contains("kohya.safetensors"), "\(error)")
    }
  }

  @Test func theFingerprintIsAnother() throws {
    func fingerprint(_ adapters: Adapters) throws -> String {
      try model(adapters, of: "sd1").info.fingerprint
    }
    let all = [
      try fingerprint([]), try fingerprint([("peft", 1)]), try fingerprint([("peft", 0.5)]),
    ]
    #expect(Set(all).count == 3)
  }

  @Test func requestsAreChecked() throws {
    let model = try model([], of: "sd1").model
    func refused(_ adapters: Adapters) {
      var request = DiffusionRequest(prompt: "bells", seed: 1, steps: 1, width: 24, height: 16)
      request.adapters = adapters.map(Self.adapter)
      let error = #expect(throws: DiffusionError.self) { try model.begin(request) }
      #expect(error?.kind == .invalidArgument(field: "loras"))
    }
    refused([("kohya", 10.5)])
    refused([("kohya", .nan)])
    refused([("kohya", 1), ("kohya", 1)])
    refused((0...16).map { ("\($0)", 1) })
  }

  // MARK: - What is not one

  private func refused(_ bytes: [UInt8], _ words: String) throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "riff-lora-\(UUID().uuidString).safetensors").path
    try Fixture.write(bytes, to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let error = try #require(throws: DiffusionError.self) {
      try SoloModel(
        directory: Fixture.path("sd1"), merged: [ModelAdapter(path: path)], threads: 1)
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
