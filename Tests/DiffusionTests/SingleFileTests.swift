import Diffusion
import Foundation
import Testing

/// Checkpoints in one file, in Stable Diffusion's own names (make_single_file_fixtures.py, which has
/// diffusers convert them back).
@Suite("A checkpoint in one file is the same as its folder")
struct SingleFileTests {
  private typealias Archive = TorchArchive

  private static let files = [
    ("sd1.ckpt", "sd1"), ("sd1-f16.safetensors", "sd1-f16"), ("sd2.safetensors", "sd2"),
  ]

  private static func path(_ name: String) -> String { Fixture.path("single-file/\(name)") }

  private static func request() -> DiffusionRequest {
    DiffusionRequest(
      prompt: "funk bassline (with a jazzy:1.3) saxophone solo!", negativePrompt: "violin solo",
      seed: 77, steps: 6, width: 32, height: 24)
  }

  @Test(arguments: files)
  func everyBitOfThePicture(file: String, folder: String) throws {
    let single = try SoloModel(directory: Self.path(file), threads: 2)
    let model = try Fixture.model(folder)
    #expect(single.info.parameterCount == model.info.parameterCount)
    #expect(single.info.defaultScheduler == model.info.defaultScheduler)
    #expect(single.info.defaultWidth == model.info.defaultWidth)
    #expect(single.info.warnings.isEmpty, "\(single.info.warnings)")
    let request = Self.request()
    let picture = try single.picture(request) { _ in }
    #expect(try model.picture(request) { _ in } == picture)
  }

  @Test func anInpaintingModel() throws {
    try Fixture.withCopy(of: "sd1") { directory in
      try FileManager.default.removeItem(atPath: "\(directory)/unet")
      try FileManager.default.copyItem(
        atPath: Fixture.path("inpaint/unet"), toPath: "\(directory)/unet")
      let folder = try SoloModel(directory: directory, threads: 2)
      let single = try SoloModel(directory: Self.path("inpaint.safetensors"), threads: 2)
      #expect(single.info.takesMask)
      var request = Self.request()
      request.initial = InitialPicture(
        image: RasterImage(
          width: 32, height: 24, pixels: (0..<32 * 24 * 3).map { UInt8($0 % 251) }), strength: 1)
      request.mask = KeepMask(width: 2, height: 1, levels: [0, 255])
      #expect(try single.picture(request) { _ in } == folder.picture(request) { _ in })
    }
  }

  /// Stable Diffusion's own settings stand where nobody says otherwise.
  @Test func whatNobodySaysIsStableDiffusions() throws {
    try Self.withFile("sd1-f16.safetensors") { path in
      try FileManager.default.removeItem(atPath: Self.card(path))
      Self.refused(path, "CLIP's vocabulary: holds token 49407")
    }
    try Self.withFile("sd2.safetensors") { path in
      try Fixture.editJSON(Self.card(path)) { card in
        var checkpoint = try #require(card["checkpoint"] as? [String: Any])
        checkpoint["scheduler"] = nil
        card["checkpoint"] = checkpoint
      }
      let model = try SoloModel(directory: path, threads: 1)
      #expect(model.info.defaultScheduler == .pndm)
      // Nobody says what it predicts.
      #expect(model.info.warnings.contains { $0.contains("prediction_type") })
    }
  }

  @Test func anUnknownKeyOfTheCardIsNamed() throws {
    try Self.withFile("sd1.ckpt") { path in
      try Fixture.editJSON(Self.card(path)) { card in
        var checkpoint = try #require(card["checkpoint"] as? [String: Any])
        checkpoint["sheduler"] = ["prediction_type": "epsilon"]
        card["checkpoint"] = checkpoint
      }
      let model = try SoloModel(directory: path, threads: 1)
      #expect(model.info.warnings.contains { $0.contains("sheduler") })
    }
  }

  /// The vocabulary that riffd has in it, as Stable Diffusion 1 and 2 use it.
  @Test(arguments: ["<|endoftext|>", "!"])
  func clipsOwnVocabulary(padding: String) throws {
    struct Case: Decodable {
      let prompt: String
      let tokens: [Int32]
    }
    let data = try Data(contentsOf: URL(filePath: Fixture.path("clip-tokens.json")))
    let cases = try #require(JSONDecoder().decode([String: [Case]].self, from: data)[padding])
    let tokenizer = try CLIPTokenizerLoader(padding: padding).load(
      maximumLength: 77, vocabularySize: 49_408)
    #expect(cases.count > 15)
    for test in cases {
      let text = tokenizer.tokens(of: test.prompt).prefix(75)
      let end: [Int32] = [49_407]
      let filling = Array(
        repeating: padding == "!" ? Int32(0) : 49_407, count: 75 - text.count)
      #expect([49_406] + text + end + filling == test.tokens, "\(test.prompt)")
    }
  }

  // MARK: - What is not one

  private static func refused(
    _ path: String, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(sourceLocation: sourceLocation) {
      _ = try SoloModel(directory: path, threads: 1)
    } throws: { error in
      guard let error = error as? DiffusionError, case .checkpoint = error.kind else {
        return false
      }
      if !error.message.contains(words) { print(error.message) }
      return error.message.contains(words)
    }
  }

  private static func card(_ path: String) -> String {
    "\(path.dropLast(path.reversed().firstIndex(of: ".")! + 1)).riff.json"
  }

  /// A copy of a file and its card that is removed when `body` is done.
  private static func withFile(_ name: String, _ body: (_ path: String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "riff-single-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = "\(folder)/\(name)"
    try FileManager.default.copyItem(atPath: path(name), toPath: file)
    try FileManager.default.copyItem(atPath: card(path(name)), toPath: card(file))
    try Fixture.editJSON(card(file)) { card in
      var checkpoint = try #require(card["checkpoint"] as? [String: Any])
      let tokenizer = try #require(checkpoint["tokenizer"] as? String)
      checkpoint["tokenizer"] = path(tokenizer)
      card["checkpoint"] = checkpoint
    }
    try body(file)
  }

  private static func withBytes(
    _ bytes: [UInt8], _ body: (_ path: String) throws -> Void
  ) throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "riff-single-\(UUID().uuidString).ckpt").path
    try Fixture.write(bytes, to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private static func safetensors(_ names: [String]) -> [UInt8] {
    let entries = names.map { #""\#($0)":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"# }
    let text = Array("{\(entries.joined(separator: ","))}".utf8)
    return Fixture.littleEndian(UInt64(text.count)) + text
  }

  @Test(arguments: [
    ("conditioner.embedders.0.transformer.x", "Stable Diffusion XL"),
    ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "FLUX"),
    ("model.diffusion_model.joint_blocks.0.x", "Stable Diffusion 3"),
    ("lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight", "--lora NAME=FILE"),
    ("down_blocks.0.resnets.0.conv1.weight", "model_index.json"),
    ("anything", "model.diffusion_model"),
  ])
  func otherKindsSaySo(name: String, words: String) throws {
    try Self.withBytes(Self.safetensors([name])) { Self.refused($0, words) }
  }

  @Test func quantisedFilesSaySo() throws {
    try Self.withBytes(Array("GGUF".utf8) + [UInt8](repeating: 0, count: 100)) {
      Self.refused($0, "GGUF")
    }
    try Self.withBytes([]) { Self.refused($0, "0 bytes") }
  }

  /// A value that is not a tensor does harm only where the model needs one.
  @Test func anObjectInTheStateDict() throws {
    func pickle(_ name: String) -> [UInt8] {
      let thing =
        Archive.global("os", "system") + Archive.mark + Archive.text("true")
        + Archive.tuple + Archive.reduce
      let state = Archive.emptyDictionary + Archive.text(name) + thing + Archive.setItem
      return Archive.proto + Archive.emptyDictionary + Archive.text("state_dict") + state
        + Archive.setItem + Archive.stop
    }
    try Self.withBytes(Archive(pickle: pickle("model.diffusion_model.out.2.weight")).bytes) {
      Self.refused($0, "os.system")
    }
    try Self.withBytes(Archive(pickle: pickle("model_ema.decay")).bytes) {
      Self.refused($0, "no tensors named model.diffusion_model")
    }
  }

  /// Opcodes that only training states have, each where it cannot be.
  @Test(arguments: [0x61, 0x65, 0x81, 0x30, 0x31, 0x32, 0x47, 0x8B, 0x54, 0x55] as [UInt8])
  func damagedTrainingStates(opcode: UInt8) throws {
    try Self.withBytes(Archive(pickle: Archive.proto + [opcode] + Archive.stop).bytes) {
      Self.refused($0, "data.pkl")
    }
    try Self.withBytes(
      Archive(pickle: Archive.proto + [0x5D, opcode, 0xFF, 0xFF, 0xFF, 0x7F, 1]).bytes
    ) { Self.refused($0, "data.pkl") }
  }

  /// Every tensor of a .ckpt in turn has another shape, is missing, or is in the wrong place.
  @Test func damagedTensorsAreNamed() throws {
    let names = try SafetensorsFile(path: Self.path("sd2.safetensors")).names.sorted()
    let needed = names.filter {
      !$0.contains("text_projection") && !$0.contains("logit_scale") && !$0.contains("attn_mask")
        && !$0.contains("resblocks.2.")
    }
    for (index, name) in needed.enumerated() where index % 9 == 0 {
      try Self.withFile("sd2.safetensors") { path in
        try Fixture.editHeader(path) { header in
          header["x\(index)"] = header.removeValue(forKey: name)
        }
        #expect(throws: DiffusionError.self, "\(name)") {
          try SoloModel(directory: path, threads: 1)
        }
      }
      try Self.withFile("sd2.safetensors") { path in
        try Fixture.editHeader(path) { header in
          let shape = try #require(header[name]?["shape"] as? [Int])
          let other: [Int] = [shape.reduce(1, *), 1, 1, 1, 1, 1]
          header[name]?["shape"] = other
        }
        #expect(throws: DiffusionError.self, "\(name)") {
          try SoloModel(directory: path, threads: 1)
        }
      }
    }
  }

  /// A file of more than 4 GiB, most of it a hole: every place in it needs zip64.
  @Test func placesBeyondFourGigabytes() throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "riff-wide-\(UUID().uuidString).ckpt").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let values: [Float] = [1, 2, 3, 4]
    let state =
      Archive.emptyDictionary + Archive.text("weight") + Archive.tensor()
      + Archive.setItem
    let pickle =
      Archive.proto + Archive.emptyDictionary + Archive.text("state_dict") + state
      + Archive.setItem + Archive.stop
    let entries: [(name: String, at: UInt64, data: [UInt8])] = [
      ("archive/data.pkl", 0, pickle),
      ("archive/data/0", 5 << 30, values.flatMap { Archive.bytes($0.bitPattern) }),
    ]
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    let file = try #require(FileHandle(forWritingAtPath: path))
    var directory: [UInt8] = []
    var end: UInt64 = 0
    for entry in entries {
      let name = Array(entry.name.utf8)
      let wide: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
      let size = UInt64(entry.data.count)
      let extra =
        Archive.bytes(UInt16(1)) + Archive.bytes(UInt16(24)) + Archive.bytes(size)
        + Archive.bytes(size) + Archive.bytes(entry.at)
      let common: [UInt8] =
        Archive.bytes(UInt32(0)) + Archive.bytes(UInt32(0)) + Archive.bytes(UInt32(0)) + wide
        + wide + Archive.bytes(UInt16(name.count))
      try file.seek(toOffset: entry.at)
      let local =
        Archive.bytes(UInt32(0x0403_4B50)) + Archive.bytes(UInt16(45)) + common
        + Archive.bytes(UInt16(0)) + name
      try file.write(contentsOf: local + entry.data)
      end = entry.at + UInt64(local.count) + size
      directory +=
        Archive.bytes(UInt32(0x0201_4B50)) + Archive.bytes(UInt32(45 << 16 | 45)) + common
        + Archive.bytes(UInt16(extra.count)) + Archive.bytes(UInt32(0))
        + Archive.bytes(UInt32(0)) + Archive.bytes(UInt16(0)) + wide + name + extra
    }
    try file.seek(toOffset: end)
    let size = UInt64(directory.count)
    let record =
      Archive.bytes(UInt32(0x0606_4B50)) + Archive.bytes(UInt64(44))
      + Archive.bytes(UInt32(45 << 16 | 45)) + Archive.bytes(UInt64(0)) + Archive.bytes(UInt64(2))
      + Archive.bytes(UInt64(2)) + Archive.bytes(size) + Archive.bytes(end)
    let locator =
      Archive.bytes(UInt32(0x0706_4B50)) + Archive.bytes(UInt32(0)) + Archive.bytes(end + size)
      + Archive.bytes(UInt32(1))
    let last: [UInt8] =
      Archive.bytes(UInt32(0x0605_4B50)) + [UInt8](repeating: 0xFF, count: 16)
      + Archive.bytes(UInt16(0))
    try file.write(contentsOf: directory + record + locator + last)
    try file.close()
    let read = try TorchFile(path: path, isTrainingState: true)
    #expect(read.floats("weight")?.values == values)
  }
}
