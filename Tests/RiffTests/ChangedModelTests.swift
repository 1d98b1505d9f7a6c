import Foundation
import Riff
import Spectrogram
import Testing

/// A checkpoint that is replaced on the disk while a studio works with it.
@Suite final class ChangedModelTests {
  private let directory = FileManager.default.temporaryDirectory
    .appending(path: "riff-changed-\(UUID().uuidString)").path
  private let studio: Studio
  /// The autoencoder's weights.
  private let path: String

  init() throws {
    self.path = self.directory + "/vae/diffusion_pytorch_model.safetensors"
    try Self.largeCopy(self.directory)
    self.studio = try Studio(
      models: [ModelLocation(name: "large", directory: self.directory)], threads: 2,
      encoderName: "riffd test")
  }

  deinit { try? FileManager.default.removeItem(atPath: self.directory) }

  /// A copy of the bundled model that is too large to be read when it is opened: its text encoder has
  /// tokens more, which take no place on the disk. Its U-Net takes no mask, so that only a job with a picture
  /// reads the autoencoder's encoder.
  private static func largeCopy(_ directory: String) throws {
    try FileManager.default.copyItem(atPath: TestPaths.bundledModel, toPath: directory)
    let tokens = 1_000_000
    try self.editConfiguration(directory + "/text_encoder/config.json") {
      $0["vocab_size"] = tokens
    }
    let table = "text_model.embeddings.token_embedding.weight"
    try self.edit(directory + "/text_encoder/model.safetensors", tensor: table) { shape, bytes in
      let length = bytes.count / shape[0] * tokens
      shape[0] = tokens
      return length
    }
    var channels = 0
    try self.editConfiguration(directory + "/unet/config.json") {
      channels = $0["out_channels"] as? Int ?? 0
      $0["in_channels"] = channels
    }
    let first = directory + "/unet/diffusion_pytorch_model.safetensors"
    try self.edit(first, tensor: "conv_in.weight") { shape, bytes in
      let row = bytes.count / shape[0]
      let kept = row / shape[1] * channels
      bytes = (0..<shape[0]).flatMap { bytes[$0 * row..<$0 * row + kept] }
      shape[1] = channels
      return bytes.count
    }
  }

  /// `change` gets the shape and the bytes of a tensor of a safetensors file, and returns how many bytes it
  /// is to have; what is missing of them is a hole in the file.
  private static func edit(
    _ path: String, tensor name: String, _ change: (inout [Int], inout [UInt8]) -> Int
  ) throws {
    let bytes = Array(try Data(contentsOf: URL(filePath: path)))
    let end = 8 + Int(bytes[0]) + Int(bytes[1]) << 8 + Int(bytes[2]) << 16
    let object = try JSONSerialization.jsonObject(with: Data(bytes[8..<end]))
    var header = try #require(object as? [String: [String: Any]])
    var shape = try #require(header[name]?["shape"] as? [Int])
    let offsets = try #require(header[name]?["data_offsets"] as? [Int])
    // It becomes the last tensor, so that it can grow.
    var data = Array(bytes[end...])
    var tensor = Array(data[offsets[0]..<offsets[1]])
    data.removeSubrange(offsets[0]..<offsets[1])
    for (key, entry) in header {
      guard let place = entry["data_offsets"] as? [Int], place[0] >= offsets[1] else { continue }
      header[key]?["data_offsets"] = place.map { $0 - tensor.count }
    }
    let length = change(&shape, &tensor)
    header[name]?["shape"] = shape
    header[name]?["data_offsets"] = [data.count, data.count + length]
    let text = [UInt8](try JSONSerialization.data(withJSONObject: header))
    let size = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    try Data(size + text + data + tensor).write(to: URL(filePath: path))
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.truncate(atOffset: UInt64(8 + text.count + data.count + length))
    try file.close()
  }

  private static func editConfiguration(
    _ path: String, _ change: (inout [String: Any]) -> Void
  ) throws {
    let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
    var configuration = try #require(value as? [String: Any])
    change(&configuration)
    try JSONSerialization.data(withJSONObject: configuration).write(to: URL(filePath: path))
  }

  @Test func theNextJobOpensItAnew() async throws {
    var job = GenerateJob(prompt: "harp")
    job.steps = 2
    job.seed = 1
    job.width = 64
    job.output = nil
    var picture: [UInt8] = []
    for try await event in self.studio.generate(job) {
      if case .spectrogram(let png) = event { picture = png }
    }
    #expect(!picture.isEmpty)
    // No job has read the encoder's layer yet. The same bytes, but written in place.
    let bytes = try Data(contentsOf: URL(filePath: self.path))
    let file = try #require(FileHandle(forWritingAtPath: self.path))
    try file.truncate(atOffset: 0)
    try file.write(contentsOf: bytes)
    try file.close()

    let error = await #expect(throws: JobError.self) {
      for try await _ in self.studio.remix(RemixJob(job, file: picture)) {}
    }
    #expect(error?.kind == .failedPrecondition, "\(String(describing: error))")
    #expect(error?.message.contains("has changed") == true, "\(String(describing: error))")
    var pictures = 0
    for try await event in self.studio.remix(RemixJob(job, file: picture)) {
      if case .spectrogram = event { pictures += 1 }
    }
    #expect(pictures == 1)
  }

  @Test("a model that is loaded beforehand is opened anew as well")
  func loading() async throws {
    var job = GenerateJob(prompt: "harp")
    job.steps = 1
    job.width = 64
    job.output = nil
    for try await _ in self.studio.generate(job) {}
    try Data(contentsOf: URL(filePath: self.path)).write(to: URL(filePath: self.path))
    let error = await #expect(throws: JobError.self) {
      for try await _ in self.studio.load(LoadModelJob(model: "large")) {}
    }
    #expect(error?.message.contains("has changed") == true, "\(String(describing: error))")
    for try await _ in self.studio.load(LoadModelJob(model: "large")) {}
  }
}
