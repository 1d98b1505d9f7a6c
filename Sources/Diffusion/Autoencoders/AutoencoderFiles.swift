/// An autoencoder that stands by itself: a folder in diffusers' layout, the original TAESD's two files in one
/// folder (`taesd_encoder` and `taesd_decoder`, safetensors or PyTorch's), or one of those two files.
struct AutoencoderFiles {
  /// The class in diffusers.
  let className: String
  let part: CheckpointPart

  private static let extensions = ["safetensors", "pth", "pt", "bin"]
  /// Layers that a side may have.
  private static let mostLayers = 1_000

  init(path: String) throws(DiffusionError) {
    let isFolder = CheckpointFile.isFolder(path)
    let folder = isFolder ? path : Self.parent(of: path)
    if isFolder, CheckpointFile.exists("\(path)/config.json") {
      let config = try ConfigReader(path: "\(path)/config.json")
      className = try config.string("_class_name")
      let supported = ["AutoencoderKL", "AutoencoderTiny", "LinearPatchAutoencoder"]
      guard supported.contains(className) else {
        throw config.failure(
          "_class_name", "is \(className); supported: \(supported.joined(separator: ", "))")
      }
      part = CheckpointPart(
        config: config,
        weights: try WeightReader(folder: path, stem: "diffusion_pytorch_model"))
      return
    }
    let sides: [(side: String, path: String)]
    if isFolder {
      let found = ["encoder", "decoder"].compactMap { side in
        Self.file("\(folder)/taesd_\(side)").map { (side, $0) }
      }
      guard found.count == 2 else {
        throw .checkpoint(
          "\(path)/config.json",
          "cannot be opened, nor are taesd_encoder and taesd_decoder there (.safetensors or .pth)")
      }
      sides = found
    } else {
      sides = try Self.sides(of: path)
    }
    className = "AutoencoderTiny"
    var tensors: [StoredTensor] = []
    var widths: [String: Int] = [:]
    var blocks: [String: [Int]] = [:]
    var latents = 0
    for (side, path) in sides {
      let own = try Self.layers(path, side: side)
      widths[side] = own.width
      blocks[side] = own.blocks
      if side == "decoder" { latents = own.inputs }
      tensors += own.tensors
    }
    let levels = blocks["encoder"]?.count ?? 0
    func same(_ side: String) -> JSONValue {
      .integers(Array(repeating: widths[side] ?? 0, count: levels))
    }
    part = CheckpointPart(
      config: ConfigReader(
        file: path,
        object: JSONObject(members: [
          ("num_encoder_blocks", .integers(blocks["encoder"] ?? [])),
          ("num_decoder_blocks", .integers(blocks["decoder"] ?? [])),
          ("encoder_block_out_channels", same("encoder")),
          ("decoder_block_out_channels", same("decoder")), ("latent_channels", .integer(latents)),
        ])), weights: try WeightReader(file: path, tensors: tensors))
  }

  private static func parent(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  private static func file(_ stem: String) -> String? {
    extensions.map { "\(stem).\($0)" }.first { CheckpointFile.exists($0) }
  }

  /// Both files where one is given, whose name says which it is.
  private static func sides(
    of path: String
  ) throws(DiffusionError) -> [(side: String, path: String)] {
    // Whether it is there at all comes first.
    _ = try CheckpointFile(path: path)
    let folder = parent(of: path)
    let name = path.dropFirst(folder == "." ? 0 : folder.count + 1)
    for (own, other) in [("encoder", "decoder"), ("decoder", "encoder")] {
      guard let place = name.firstRange(of: own) else { continue }
      let stem = name[..<place.lowerBound] + other + name[place.upperBound...]
      let bare = stem.lastIndex(of: ".").map { String(stem[..<$0]) } ?? String(stem)
      guard let partner = file("\(folder)/\(bare)") else {
        throw .checkpoint(
          "\(folder)/\(stem)", "cannot be opened; TAESD is two files, of which \(name) is one")
      }
      return [(own, path), (other, partner)].sorted { $0.0 > $1.0 }
    }
    throw .checkpoint(
      path,
      "is not one of TAESD's two files of layers, taesd_encoder and taesd_decoder; an autoencoder may "
        + "also be a folder with config.json")
  }

  /// The layers of one of the original's files by diffusers' names, and what their shapes say.
  private static func layers(
    _ path: String, side: String
  ) throws(DiffusionError) -> (tensors: [StoredTensor], width: Int, inputs: Int, blocks: [Int]) {
    let file = try CheckpointFile(path: path)
    let isTorch = try file.bytes(0..<min(2, file.size)) == [0x50, 0x4B]
    let all: [StoredTensor] =
      isTorch
      ? try TorchFile(file, isTrainingState: false).tensors : try SafetensorsFile(file).tensors
    // The decoder's first layer has no weights, and diffusers does not count it.
    let first = side == "decoder" ? 1 : 0
    var tensors: [StoredTensor] = []
    var isBlock: [Int: Bool] = [:]
    var shape: [Int] = []
    for tensor in all {
      let parts = tensor.name.split(separator: ".", maxSplits: 1)
      guard parts.count == 2, let index = Int(parts[0]), first...mostLayers ~= index else {
        throw .checkpoint(
          path, tensor: tensor.name, "is not one of TAESD's layers, which are numbered")
      }
      tensors.append(tensor.named("\(side).layers.\(index - first).\(parts[1])"))
      isBlock[index - first] = parts[1].hasPrefix("conv.")
      if index == first, parts[1] == "weight" { shape = tensor.shape }
    }
    guard shape.count == 4 else {
      throw .checkpoint(path, "has no layer \(first).weight of four axes")
    }
    // Between two plain layers stand a level's blocks.
    var blocks: [Int] = []
    for (_, isBlock) in isBlock.sorted(by: { $0.key < $1.key }) {
      if isBlock {
        if !blocks.isEmpty { blocks[blocks.count - 1] += 1 }
      } else {
        blocks.append(0)
      }
    }
    return (tensors, shape[0], shape[1], Array(blocks.dropLast()))
  }
}
