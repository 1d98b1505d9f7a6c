import Diffusion
import Foundation
import Testing

/// What becomes of a model whose files are replaced under it, and how models are told apart.
@Suite("A checkpoint's files may change under a running daemon")
struct CheckpointFileTests {
  private static let unet = "unet/diffusion_pytorch_model.safetensors"
  private static let request = DiffusionRequest(
    prompt: "bells", seed: 1, steps: 2, width: 16, height: 16)

  /// A copy of sd1 that is too large to be read when it is opened: its text encoder has millions of
  /// tokens more, which take no place on the disk.
  private func withLargeCopy(_ body: (_ directory: String) throws -> Void) throws {
    try Fixture.withCopy(of: "sd1") { directory in
      let tokens = 5_000_000
      let path = "\(directory)/text_encoder/model.safetensors"
      let name = "text_model.embeddings.token_embedding.weight"
      var added = 0
      // The table becomes the last tensor, so that it can grow.
      let bytes = try Fixture.read(path)
      let start = 8 + Int(bytes[0]) + Int(bytes[1]) << 8 + Int(bytes[2]) << 16
      var data = Array(bytes[start...])
      try Fixture.editHeader(path) { header in
        let shape = try #require(header[name]?["shape"] as? [Int])
        let offsets = try #require(header[name]?["data_offsets"] as? [Int])
        let length = offsets[1] - offsets[0]
        for (key, entry) in header where key != "__metadata__" {
          guard let place = entry["data_offsets"] as? [Int], place[0] >= offsets[1] else {
            continue
          }
          header[key]?["data_offsets"] = [place[0] - length, place[1] - length]
        }
        let table = data[offsets[0]..<offsets[1]]
        data.removeSubrange(offsets[0]..<offsets[1])
        header[name]?["shape"] = [tokens, shape[1]]
        header[name]?["data_offsets"] = [data.count, data.count + 4 * tokens * shape[1]]
        data += table
        added = 4 * (tokens - shape[0]) * shape[1]
      }
      let header = try Fixture.read(path)
      let end = 8 + Int(header[0]) + Int(header[1]) << 8 + Int(header[2]) << 16
      try Fixture.write(Array(header[..<end]) + data, to: path)
      let file = try #require(FileHandle(forWritingAtPath: path))
      try file.truncate(atOffset: UInt64(end + data.count + added))
      try file.close()
      try Fixture.editJSON("\(directory)/text_encoder/config.json") { $0["vocab_size"] = tokens }
      try body(directory)
    }
  }

  private func generating(
    _ damage: (_ path: String) throws -> Void
  ) throws -> Result<RasterImage, DiffusionError> {
    var result: Result<RasterImage, DiffusionError>?
    try withLargeCopy { directory in
      let model = try SoloModel(directory: directory, threads: 2)
      try damage("\(directory)/\(Self.unet)")
      do {
        result = .success(try model.generate(Self.request) { _ in })
      } catch let error as DiffusionError {
        #expect(error.kind == .changed(file: "\(directory)/\(Self.unet)"), "\(error)")
        result = .failure(error)
      }
    }
    return try #require(result)
  }

  @Test func aFileCutShortIsNoticed() throws {
    for size in [0, 4_096] {
      let result = try generating { path in
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: UInt64(size))
        try file.close()
      }
      #expect(throws: DiffusionError.self) { try result.get() }
    }
  }

  @Test func aFileWrittenInPlaceIsNoticed() throws {
    let result = try generating { path in
      let bytes = try Fixture.read(path)
      let file = try #require(FileHandle(forWritingAtPath: path))
      try file.write(contentsOf: bytes)
      try file.close()
    }
    #expect(throws: DiffusionError.self) { try result.get() }
  }

  /// As a package upgrade does it.
  @Test func aFileRenamedOverHarmsNobody() throws {
    let plain = try Fixture.model("sd1").generate(Self.request) { _ in }
    let result = try generating { path in
      try Data([1, 2, 3]).write(to: URL(filePath: path + ".new"))
      #expect(rename(path + ".new", path) == 0)
    }
    #expect(try result.get() == plain)
    let removed = try generating { try FileManager.default.removeItem(atPath: $0) }
    #expect(try removed.get() == plain)
  }

  @Test(arguments: ["unet/diffusion_pytorch_model.safetensors", "tokenizer/vocab.json"])
  func aGitLFSPointerIsCalledSo(file: String) throws {
    try Fixture.withCopy(of: "sd1") { directory in
      let pointer = """
        version https://git-lfs.github.com/spec/v1
        oid sha256:0000000000000000000000000000000000000000000000000000000000000000
        size 3438167540

        """
      try Fixture.write(Array(pointer.utf8), to: "\(directory)/\(file)")
      let error = try #require(throws: DiffusionError.self) {
        try DiffusionModel(directory: directory)
      }
      #expect(error.message.contains("git-lfs pointer") && error.message.contains(file), "\(error)")
    }
  }

  @Test func theFingerprintTellsModelsApart() throws {
    let own = try Fixture.model("sd1").info.fingerprint
    #expect(own.count == 16 && own.allSatisfy(\.isHexDigit))
    #expect(try Fixture.model("sd1", threads: 1).info.fingerprint == own)
    var seen: Set = [own, try Fixture.model("sd1-f16").info.fingerprint]
    #expect(seen.count == 2)
    let changes: [(String) throws -> Void] = [
      { try Fixture.poke("\($0)/\(Self.unet)", "conv_in.bias", 0.5) },
      {
        try Fixture.poke(
          "\($0)/vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.bias", 1)
      },
      { directory in
        try Fixture.editJSON("\(directory)/scheduler/scheduler_config.json") {
          $0["beta_end"] = 0.013
        }
      },
      { directory in
        try Fixture.editHeader("\(directory)/\(Self.unet)") { header in
          header["more"] = ["dtype": "F32", "shape": [0], "data_offsets": [0, 0]]
        }
      },
    ]
    for change in changes {
      try Fixture.withCopy(of: "sd1") { directory in
        // The copy alone changes nothing.
        #expect(try DiffusionModel(directory: directory).info.fingerprint == own)
        try change(directory)
        seen.insert(try DiffusionModel(directory: directory).info.fingerprint)
      }
    }
    #expect(seen.count == 2 + changes.count)
  }
}
