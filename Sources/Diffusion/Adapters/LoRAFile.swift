internal import Provenance

/// A file of low-rank adapters for a U-Net and a text encoder, in Kohya's names (`lora_unet_….lora_down`),
/// PEFT's (`unet.….lora_A`) or diffusers' older ones (`….processor.to_q_lora.down`,
/// `….lora_linear_layer.down`, `….lora.down`).
///
/// Names and shapes are checked when it is opened; matrices are read when the layers are first run.
struct LoRAFile {
  /// Where a layer is; names as ``layer(ofWeight:)`` has them.
  enum Place: Hashable {
    case unet(String)
    case textEncoder(String)

    var name: String {
      switch self {
      case .unet(let name), .textEncoder(let name): name
      }
    }
  }

  private struct Layer {
    var up: StoredTensor?
    var down: StoredTensor?
    var alpha: StoredTensor?
  }

  private enum Piece {
    case up
    case down
    case alpha
  }

  /// Columns of `up` that are taken: files in use have some hundreds.
  static let largestRank = 4_096

  let path: String
  private let layers: [Place: Layer]
  private let notes: LoRANotes

  init(path: String) throws(DiffusionError) {
    self.path = path
    let file = try CheckpointFile(path: path)
    let tensors: [StoredTensor]
    if try file.bytes(0..<min(2, file.size)) == [0x50, 0x4B] {
      tensors = try TorchFile(file, isTrainingState: false).tensors
      notes = LoRANotes()
    } else {
      let safetensors = try SafetensorsFile(file)
      tensors = safetensors.tensors
      notes = LoRANotes(safetensors.metadata)
    }
    try Self.refuseOthers(tensors, path)
    guard !notes.isDoRA else { throw .checkpoint(path, "is a DoRA, \(Self.plainOnly)") }
    var layers: [Place: Layer] = [:]
    for tensor in tensors {
      guard let (place, piece) = Self.place(tensor.name) else {
        throw .checkpoint(
          path, tensor: tensor.name.printable(200),
          "is not part of a LoRA for Stable Diffusion 1 or 2")
      }
      guard piece == .alpha || tensor.elementType.isWeight else {
        throw .checkpoint(
          path, tensor: tensor.name.printable(200),
          "has element type \(tensor.elementType.rawValue); F32, F16 or BF16 is needed")
      }
      switch piece {
      case .up: layers[place, default: Layer()].up = tensor
      case .down: layers[place, default: Layer()].down = tensor
      case .alpha: layers[place, default: Layer()].alpha = tensor
      }
    }
    guard !layers.isEmpty else { throw .checkpoint(path, "holds no adapters") }
    self.layers = layers
    // Matrices that make no product are told before a model is asked for.
    for (place, layer) in layers { _ = try product(of: layer, at: place) }
  }

  // MARK: - Names

  private static let plainOnly = "which is not supported; plain LoRA is"

  /// Says what a file is that cannot be added to Stable Diffusion 1 or 2.
  private static func refuseOthers(
    _ tensors: [StoredTensor], _ path: String
  ) throws(DiffusionError) {
    let kinds: [(parts: [String], what: String)] = [
      (["lora_mid."], "has a middle matrix (lora_mid, of LyCORIS), \(plainOnly)"),
      (["hada_w1", "hada_w2", "hada_t"], "is a LoHa, \(plainOnly)"),
      (["lokr_w1", "lokr_w2", "lokr_t"], "is a LoKr, \(plainOnly)"),
      (["dora_scale", "lora_magnitude_vector"], "is a DoRA, \(plainOnly)"),
      (
        [
          "lora_te1_", "lora_te2_", "text_encoder_2.", "lora_unet_input_blocks_",
          "lora_unet_middle_block_", "lora_unet_output_blocks_",
        ], "is for Stable Diffusion XL, whose layers are others"
      ),
      (
        [
          "double_blocks", "single_transformer_blocks", "single_blocks", "joint_blocks",
          "add_k_proj", "transformer.transformer_blocks.",
        ],
        "is for FLUX or Stable Diffusion 3, whose layers are others"
      ),
      (["model.diffusion_model."], "is a whole model, not a LoRA; give it with --model"),
    ]
    for kind in kinds {
      if let tensor = tensors.first(where: { tensor in
        kind.parts.contains { tensor.name.contains($0) }
      }) {
        throw .checkpoint(path, tensor: tensor.name.printable(200), kind.what)
      }
    }
  }

  private static let endings: [(String, Piece)] = [
    (".lora_down.weight", .down), (".lora_up.weight", .up), (".alpha", .alpha),
    (".lora_A.weight", .down), (".lora_B.weight", .up),
    (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
    (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
    ("_lora.down.weight", .down), ("_lora.up.weight", .up),
    (".lora.down.weight", .down), (".lora.up.weight", .up),
    (".lora_linear_layer.alpha", .alpha), ("_lora.alpha", .alpha), (".lora.alpha", .alpha),
  ]

  private static func place(_ name: String) -> (Place, Piece)? {
    // The longest ending tells.
    guard
      let ending = endings.filter({ name.hasSuffix($0.0) }).max(by: { $0.0.count < $1.0.count })
    else { return nil }
    return layer(String(name.dropLast(ending.0.count))).map { ($0, ending.1) }
  }

  private static func layer(_ name: String) -> Place? {
    func rest(_ prefix: String) -> String? {
      name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
    }
    if let own = rest("lora_unet_") { return .unet(flat(own)) }
    if let own = rest("lora_te_") { return .textEncoder(flat(own)) }
    if let own = rest("base_model.model.") { return layer(own) }
    if let own = rest("unet.") { return .unet(flat(own)) }
    if let own = rest("text_encoder.") { return .textEncoder(flat(own)) }
    if name.hasPrefix("text_model.") { return .textEncoder(flat(name)) }
    let parts = [
      "down_blocks.", "mid_block.", "up_blocks.", "conv_in", "conv_out", "time_embedding.",
    ]
    return parts.contains { name.hasPrefix($0) } ? .unet(flat(name)) : nil
  }

  /// A layer's name as Kohya writes it, which tells layers apart whatever the naming: of its weight's,
  /// `….weight`.
  static func layer(ofWeight name: String) -> String {
    flat(name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name)
  }

  private static func flat(_ name: String) -> String {
    var name = name.replacing(".processor.", with: ".").replacing(".", with: "_")
    if name.hasPrefix("text_model_") { name = String(name.dropFirst("text_model_".count)) }
    // Older processors say `to_out` of the layer `to_out.0`, and of a text encoder's `out_proj`.
    for kind in ["q", "k", "v", "out"] where name.hasSuffix("_self_attn_to_\(kind)") {
      return String(name.dropLast("to_\(kind)".count)) + "\(kind)_proj"
    }
    return name.hasSuffix("_to_out") ? name + "_0" : name
  }

  // MARK: - What it adds

  /// What it adds to a model whose layers have those shapes, by their names.
  ///
  /// Throws `checkpoint` naming the first tensor whose layer there is not, or has another shape.
  func updates(
    unet: [String: [Int]], textEncoder: [String: [Int]]
  ) throws(DiffusionError) -> [(place: Place, product: LowRankUpdate)] {
    var updates: [(place: Place, product: LowRankUpdate)] = []
    for (place, layer) in layers.sorted(by: { $0.key.name < $1.key.name }) {
      let product = try product(of: layer, at: place)
      let shape: [Int]? =
        switch place {
        case .unet(let name): unet[name]
        case .textEncoder(let name): textEncoder[name]
        }
      guard let shape else {
        throw .checkpoint(
          path, tensor: product.down.name.printable(200),
          "is for a layer that this model does not have")
      }
      guard shape.count >= 2, shape[0] == product.rows,
        shape.dropFirst().reduce(1, *) == product.columns
      else {
        throw .checkpoint(
          path, tensor: product.down.name.printable(200),
          "makes a product of \(product.rows) × \(product.columns), but the model's layer has shape "
            + "\(shape): it is for another model")
      }
      updates.append((place, product))
    }
    return updates
  }

  /// Gives what it adds, times `weight`, to the readers of the U-Net's and the text encoder's weights.
  ///
  /// Throws as ``updates(unet:textEncoder:)`` does.
  func merge(
    weight: Float, unet: WeightReader, textEncoder: WeightReader
  ) throws(DiffusionError) {
    let names = (unet: Self.names(unet), text: Self.names(textEncoder))
    let updates = try updates(
      unet: names.unet.mapValues { unet.shape(of: $0) },
      textEncoder: names.text.mapValues { textEncoder.shape(of: $0) })
    for update in updates {
      var product = update.product
      product.scale *= weight
      switch update.place {
      case .unet(let name): unet.add(product, to: names.unet[name])
      case .textEncoder(let name): textEncoder.add(product, to: names.text[name])
      }
    }
  }

  private static func names(_ reader: WeightReader) -> [String: String] {
    var names: [String: String] = [:]
    for name in reader.names where name.hasSuffix(".weight") { names[layer(ofWeight: name)] = name }
    return names
  }

  private func product(of layer: Layer, at place: Place) throws(DiffusionError) -> LowRankUpdate {
    guard let up = layer.up, let down = layer.down else {
      let known = layer.up ?? layer.down ?? layer.alpha
      throw .checkpoint(
        path, tensor: known?.name.printable(200),
        "its adapter lacks a matrix; up and down belong together")
    }
    let tensor = down.name.printable(200)
    guard let rank = down.shape.first, rank > 0, up.shape.count >= 2, up.shape[1] == rank,
      up.shape.dropFirst(2).allSatisfy({ $0 == 1 }), down.shape.count >= 2, down.count > 0,
      up.count > 0
    else {
      throw .checkpoint(
        path, tensor: tensor,
        "has shape \(down.shape) and its partner \(up.shape), which make no product")
    }
    guard rank <= Self.largestRank else {
      throw .checkpoint(
        path, tensor: tensor, "has rank \(rank); at most \(Self.largestRank) is supported")
    }
    let alpha = try layer.alpha?.scalar() ?? notes.alpha(of: place) ?? Float(rank)
    let scale =
      notes.isRankStabilised(place) ? alpha / Float(rank).squareRoot() : alpha / Float(rank)
    guard scale.isFinite else {
      throw .checkpoint(
        path, tensor: layer.alpha?.name.printable(200) ?? tensor,
        "has an alpha that is not a number")
    }
    return LowRankUpdate(up: up, down: down, rank: rank, scale: scale)
  }

  // MARK: - What it is

  /// Tells it from others, as a checkpoint's fingerprint does.
  func fingerprint() throws(DiffusionError) -> Fingerprint {
    guard let builder = Fingerprint.Builder() else {
      throw .outOfMemory("not enough memory for a fingerprint")
    }
    for (place, layer) in layers.sorted(by: { $0.key.name < $1.key.name }) {
      let product = try product(of: layer, at: place)
      builder.append(place.name)
      builder.append("\(product.scale)")
      for part in [product.up, product.down] {
        builder.append(part.elementType.rawValue)
        for extent in [part.shape.count] + part.shape { builder.append(extent) }
        for sample in part.samples { builder.append(try part.file.bytes(sample)) }
      }
    }
    return builder.fingerprint()
  }

  /// The largest of its layers'.
  var rank: Int { layers.values.reduce(0) { max($0, $1.down?.shape.first ?? 0) } }

  var layerCount: Int { layers.count }

  var changesTextEncoder: Bool {
    layers.keys.contains {
      if case .textEncoder = $0 { true } else { false }
    }
  }
}
