import Diffusion
import Foundation
import Testing

@Suite("Which files hold the weights")
struct WeightFilesTests {
  private static let stem = "unet/diffusion_pytorch_model"

  private func loading(_ change: (_ directory: String) throws -> Void) throws -> DiffusionError? {
    var result: DiffusionError?
    try Fixture.withCopy(of: "linear-patch") { directory in
      try change(directory)
      do throws(DiffusionError) {
        _ = try SoloModel(directory: directory, threads: 1)
      } catch {
        result = error
      }
    }
    return result
  }

  private func move(_ directory: String, _ from: String, _ to: String) throws {
    try FileManager.default.moveItem(atPath: "\(directory)/\(from)", toPath: "\(directory)/\(to)")
  }

  @Test func safetensorsComeBeforeTorchFiles() throws {
    #expect(
      try loading { directory in
        try Fixture.write([1, 2, 3], to: "\(directory)/\(Self.stem).bin")
        try Fixture.write([1, 2, 3], to: "\(directory)/text_encoder/pytorch_model.bin")
      } == nil)
  }

  @Test func theHalfPrecisionVariantServesAlone() throws {
    #expect(
      try loading { directory in
        try move(directory, "\(Self.stem).safetensors", "\(Self.stem).fp16.safetensors")
        try move(
          directory, "text_encoder/model.safetensors", "text_encoder/model.fp16.safetensors")
      } == nil)
    let error = try loading { directory in
      try Fixture.write([1, 2, 3], to: "\(directory)/\(Self.stem).fp16.safetensors")
    }
    #expect(error == nil, "the full one comes first")
  }

  @Test func noWeightsAtAll() throws {
    let error = try loading { directory in
      try FileManager.default.removeItem(atPath: "\(directory)/\(Self.stem).safetensors")
    }
    #expect(try #require(error).message.contains("\(Self.stem).safetensors"))
  }

  /// Splits the U-Net's file after `count` tensors; `index` may spoil the index.
  private func split(
    _ directory: String, index: (inout [String: String]) -> Void = { _ in }
  ) throws {
    let path = "\(directory)/\(Self.stem)"
    let bytes = try Fixture.read("\(path).safetensors")
    let start = 8 + bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try #require(
      try JSONSerialization.jsonObject(with: Data(bytes[8..<start])) as? [String: [String: Any]])
    var places: [String: String] = [:]
    var shards: [[String: [String: Any]]] = [[:], [:]]
    var data: [[UInt8]] = [[], []]
    for (number, name) in header.keys.filter({ $0 != "__metadata__" }).sorted().enumerated() {
      let shard = number % 3 == 0 ? 0 : 1
      let offsets = try #require(header[name]?["data_offsets"] as? [Int])
      shards[shard][name] = header[name]
      shards[shard][name]?["data_offsets"] = [
        data[shard].count, data[shard].count + offsets[1] - offsets[0],
      ]
      data[shard] += bytes[(start + offsets[0])..<(start + offsets[1])]
      places[name] = "diffusion_pytorch_model-0000\(shard + 1)-of-00002.safetensors"
    }
    for shard in 0..<2 {
      let text = [UInt8](try JSONSerialization.data(withJSONObject: shards[shard]))
      try Fixture.write(
        Fixture.littleEndian(UInt64(text.count)) + text + data[shard],
        to: "\(path)-0000\(shard + 1)-of-00002.safetensors")
    }
    index(&places)
    try JSONSerialization.data(withJSONObject: ["weight_map": places]).write(
      to: URL(filePath: "\(path).safetensors.index.json"))
    try FileManager.default.removeItem(atPath: "\(path).safetensors")
  }

  @Test func shards() throws {
    let request = DiffusionRequest(prompt: "bells", seed: 4, steps: 2, width: 16, height: 16)
    let expected = try Fixture.model("linear-patch").picture(request) { _ in }
    try Fixture.withCopy(of: "linear-patch") { directory in
      try split(directory)
      let model = try SoloModel(directory: directory, threads: 1)
      #expect(try model.picture(request) { _ in } == expected)
    }
  }

  @Test(
    arguments: [
      "diffusion_pytorch_model-00001-of-00002.safetensors", "../model_index.json", "", "a\u{0}b",
      "nowhere.safetensors", ".",
    ])
  func anIndexThatLies(shard: String) throws {
    // conv_out.weight is in the second shard.
    let error = try #require(
      try loading { directory in
        try split(directory) { $0["conv_out.weight"] = shard }
      })
    guard case .checkpoint(let file, _) = error.kind else {
      Issue.record("\(error)")
      return
    }
    #expect(file.contains("/unet/"), "\(error)")
  }

  @Test func anIndexThatPromisesTooMuch() throws {
    let error = try #require(
      try loading { directory in
        try split(directory) { places in
          places["zzz"] = "diffusion_pytorch_model-00001-of-00002.safetensors"
        }
      })
    guard case .checkpoint(_, "zzz") = error.kind else {
      Issue.record("\(error)")
      return
    }
  }
}
