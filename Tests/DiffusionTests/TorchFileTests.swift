import Diffusion
import Foundation
import Testing

@Suite("PyTorch's .bin files")
struct TorchFileTests {
  private func open(_ name: String) throws -> TorchFile {
    try TorchFile(path: Fixture.path("torch/\(name)"))
  }

  /// Floats of three widths, a parameter, parts of one storage, no axes, no elements, an integer.
  @Test func everyKindOfTensor() throws {
    let file = try open("types.bin")
    let values = try Fixture.tensor("torch/expected.safetensors", "values").values
    let shared = try Fixture.tensor("torch/expected.safetensors", "shared").values
    func check(_ name: String, _ shape: [Int], _ expected: [Float], within: Float = 0) throws {
      let tensor = try #require(file.floats(name), "\(name)")
      #expect(tensor.shape == shape, "\(name)")
      #expect(tensor.values.count == expected.count, "\(name)")
      for (value, expected) in zip(tensor.values, expected) {
        #expect(abs(value - expected) <= within * abs(expected), "\(name)")
      }
    }
    try check("weight", [3, 2], [0, 1, 4, 5, 8, 9].map { values[$0] })
    try check("bias", [4], Array(values[..<4]))
    try check("f16", [3, 4], values, within: 0x1p-11)
    try check("bf16", [3, 4], values, within: 0x1p-8)
    try check("parameter", [3, 4], values)
    try check("start", [4], Array(shared[..<4]))
    try check("end", [4], Array(shared[6...]))
    try check("scalar", [], [2.5])
    try check("empty", [0, 3], [])
    try check("one", [4, 1], Array(values[..<4]))
    #expect(file.floats("count") == nil && file.names.contains("count"))
    #expect(file.names.count == 11)
  }

  @Test(
    arguments: [
      ("legacy.bin", "before 1.6"), ("transposed.bin", ".contiguous()"),
      ("nested.bin", "state_dict"), ("protocol4.bin", "protocol 4"), ("numpy.bin", "numpy"),
      ("expected.safetensors", "not a file of torch.save"),
    ])
  func whatIsNotRead(name: String, hint: String) throws {
    let error = try #require(throws: DiffusionError.self) { try open(name) }
    guard case .checkpoint(Fixture.path("torch/\(name)"), _) = error.kind else {
      Issue.record("\(error)")
      return
    }
    #expect(error.message.contains(hint), "\(error)")
  }

  /// sd1-bf16 with its weights as .bin files: f32 with the old prefix, two shards, bf16.
  private func withTorchWeights(_ body: (_ directory: String) throws -> Void) throws {
    try Fixture.withCopy(of: "sd1-bf16") { directory in
      for part in ["text_encoder", "unet", "vae"] {
        let folder = "\(directory)/\(part)"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where name.hasSuffix(".safetensors") {
          try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
        let source = Fixture.path("torch/\(part)")
        for name in try FileManager.default.contentsOfDirectory(atPath: source) {
          try FileManager.default.copyItem(atPath: "\(source)/\(name)", toPath: "\(folder)/\(name)")
        }
      }
      try body(directory)
    }
  }

  @Test func aModelOfThem() throws {
    try withTorchWeights { directory in
      let model = try SoloModel(directory: directory, threads: 2)
      let same = try Fixture.model("sd1-bf16")
      #expect(model.info.parameterCount == same.info.parameterCount)
      let request = DiffusionRequest(
        prompt: "funk bassline", seed: 4, steps: 3, width: 16, height: 16)
      #expect(try model.picture(request) { _ in } == same.picture(request) { _ in })
      let picture = [Float](repeating: 0.5, count: 3 * 16)
      #expect(
        try model.encode(picture, height: 4, width: 4)
          == same.encode(picture, height: 4, width: 4))
    }
  }

  /// The whole picture is diffusers' as well.
  @Test func aModelOfThemEqualsDiffusers() throws {
    try withTorchWeights { directory in
      let model = try SoloModel(directory: directory, threads: 2)
      let expected = try Fixture.tensor("sd1-bf16/expected.safetensors", "vae_picture").values
      let latents = try Fixture.tensor("sd1-bf16/expected.safetensors", "vae_latents")
      let values = try model.decode(
        latents.values, height: latents.shape[0], width: latents.shape[1])
      #expect(Fixture.relativeError(values, expected) < 1e-3)
    }
  }

  @Test func aMissingShardIsNamed() throws {
    try withTorchWeights { directory in
      let path = "\(directory)/unet/diffusion_pytorch_model-00002-of-00002.bin"
      try FileManager.default.removeItem(atPath: path)
      let error = try #require(throws: DiffusionError.self) {
        try SoloModel(directory: directory, threads: 1)
      }
      #expect(error.kind == .checkpoint(file: path, tensor: nil))
    }
  }
}
