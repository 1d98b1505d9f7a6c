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
  /// tokens more, which take no place on the disk.
  private static func largeCopy(_ directory: String) throws {
    try FileManager.default.copyItem(atPath: TestPaths.bundledModel, toPath: directory)
    let path = directory + "/text_encoder/model.safetensors"
    let bytes = Array(try Data(contentsOf: URL(filePath: path)))
    let end = 8 + Int(bytes[0]) + Int(bytes[1]) << 8 + Int(bytes[2]) << 16
    let object = try JSONSerialization.jsonObject(with: Data(bytes[8..<end]))
    var header = try #require(object as? [String: [String: Any]])
    let name = "text_model.embeddings.token_embedding.weight"
    let (shape, offsets) = (
      try #require(header[name]?["shape"] as? [Int]),
      try #require(header[name]?["data_offsets"] as? [Int])
    )
    // The table becomes the last tensor, so that it can grow.
    var data = Array(bytes[end...])
    let table = data[offsets[0]..<offsets[1]]
    data.removeSubrange(offsets[0]..<offsets[1])
    for (key, entry) in header {
      guard let place = entry["data_offsets"] as? [Int], place[0] >= offsets[1] else { continue }
      header[key]?["data_offsets"] = [place[0] - table.count, place[1] - table.count]
    }
    let tokens = 1_000_000
    let size = table.count / shape[0] * tokens
    header[name]?["shape"] = [tokens, shape[1]]
    header[name]?["data_offsets"] = [data.count, data.count + size]
    let text = [UInt8](try JSONSerialization.data(withJSONObject: header))
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    try Data(length + text + data + table).write(to: URL(filePath: path))
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.truncate(atOffset: UInt64(8 + text.count + data.count + size))
    try file.close()
    let url = URL(filePath: directory + "/text_encoder/config.json")
    let value = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    var config = try #require(value as? [String: Any])
    config["vocab_size"] = tokens
    try JSONSerialization.data(withJSONObject: config).write(to: url)
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
