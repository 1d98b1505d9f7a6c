/// A file of low-rank adapters for a U-Net and a text encoder, in Kohya's names (`lora_unet_….lora_down`),
/// PEFT's (`unet.….lora_A`) or diffusers' older ones (`….processor.to_q_lora.down`,
/// `….lora_linear_layer.down`, `….lora.down`).
struct LoRAFile {
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

  /// Where a layer is.
  private enum Place: Hashable {
    case unet(String)
    case textEncoder(String)
  }

  let path: String
  private let layers: [Place: Layer]
  /// Of the file's own notes: stands in for layers without one.
  private let alpha: Float?

  init(path: String) throws(DiffusionError) {
    self.path = path
    let file = try CheckpointFile(path: path)
    let tensors: [StoredTensor]
    if try file.bytes(0..<min(2, file.size)) == [0x50, 0x4B] {
      tensors = try TorchFile(file, isTrainingState: false).tensors
      alpha = nil
    } else {
      let safetensors = try SafetensorsFile(file)
      tensors = safetensors.tensors
      alpha = safetensors.metadata["ss_network_alpha"].flatMap { Float($0) }
        .flatMap { $0.isFinite ? $0 : nil }
    }
    try Self.refuseOthers(tensors, path)
    var layers: [Place: Layer] = [:]
    for tensor in tensors {
      guard let (place, piece) = Self.place(tensor.name) else {
        throw .checkpoint(
          path, tensor: tensor.name, "is not part of a LoRA for Stable Diffusion 1 or 2")
      }
      guard tensor.elementType.isWeight else {
        throw .checkpoint(
          path, tensor: tensor.name,
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
  }

  /// Says what a file is that cannot be added to Stable Diffusion 1 or 2.
  private static func refuseOthers(
    _ tensors: [StoredTensor], _ path: String
  ) throws(DiffusionError) {
    let kinds: [(parts: [String], what: String)] = [
      (["lora_mid."], "has a middle matrix (lora_mid, of LyCORIS), which is not supported"),
      (["hada_w1", "hada_w2", "hada_t"], "is a LoHa, which is not supported; plain LoRA is"),
      (["lokr_w1", "lokr_w2", "lokr_t"], "is a LoKr, which is not supported; plain LoRA is"),
      (
        ["dora_scale", "lora_magnitude_vector"], "is a DoRA, which is not supported; plain LoRA is"
      ),
      (
        ["lora_te1_", "lora_te2_", "text_encoder_2.", "add_k_proj"],
        "is for Stable Diffusion XL, whose layers are others"
      ),
      (
        ["double_blocks", "single_transformer_blocks", "single_blocks", "joint_blocks"],
        "is for FLUX or Stable Diffusion 3, whose layers are others"
      ),
      (["model.diffusion_model."], "is a whole model, not a LoRA; give it with --model"),
    ]
    for kind in kinds {
      if let tensor = tensors.first(where: { tensor in
        kind.parts.contains { tensor.name.contains($0) }
      }) {
        throw .checkpoint(path, tensor: tensor.name, kind.what)
      }
    }
  }

  private static func place(_ name: String) -> (Place, Piece)? {
    let endings: [(String, Piece)] = [
      (".lora_down.weight", .down), (".lora_up.weight", .up), (".alpha", .alpha),
      (".lora_A.weight", .down), (".lora_B.weight", .up),
      (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
      (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
      ("_lora.down.weight", .down), ("_lora.up.weight", .up),
      (".lora.down.weight", .down), (".lora.up.weight", .up),
      (".lora_linear_layer.alpha", .alpha), ("_lora.alpha", .alpha), (".lora.alpha", .alpha),
    ]
    // The longest ending tells.
    guard
      let ending = endings.filter({ name.hasSuffix($0.0) }).max(by: { $0.0.count < $1.0.count })
    else { return nil }
    let stem = String(name.dropLast(ending.0.count))
    return layer(stem).map { ($0, ending.1) }
  }

  private static func layer(_ name: String) -> Place? {
    func rest(_ prefix: String) -> String? {
      name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
    }
    if let own = rest("lora_unet_") { return .unet(flat(own)) }
    if let own = rest("lora_te_") { return .textEncoder(flat(own)) }
    if let own = rest("base_model.model.") { return layer(own) ?? .unet(flat(own)) }
    if let own = rest("unet.") { return .unet(flat(own)) }
    if let own = rest("text_encoder.") { return .textEncoder(flat(own)) }
    return [
      "down_blocks.", "mid_block.", "up_blocks.", "conv_in", "conv_out", "time_embedding.",
    ].contains { name.hasPrefix($0) } ? .unet(flat(name)) : nil
  }

  /// A layer's name as Kohya writes it: what tells layers apart whatever the naming.
  private static func flat(_ name: String) -> String {
    var name = name.replacing(".processor.", with: ".").replacing(".", with: "_")
    if name.hasPrefix("text_model_") { name = String(name.dropFirst("text_model_".count)) }
    // Older processors say `to_out` of the layer `to_out.0`.
    return name.hasSuffix("_to_out") ? name + "_0" : name
  }

  /// Gives the adapters to the readers of the U-Net's and the text encoder's weights, times `weight`.
  ///
  /// Throws `checkpoint` naming the first tensor whose layer there is not, or has another shape.
  func apply(
    weight: Float, unet: WeightReader, textEncoder: WeightReader
  ) throws(DiffusionError) {
    let names = (unet: Self.names(unet), text: Self.names(textEncoder))
    for (place, layer) in layers {
      let (reader, name): (WeightReader, String?) =
        switch place {
        case .unet(let flat): (unet, names.unet[flat])
        case .textEncoder(let flat): (textEncoder, names.text[flat])
        }
      guard let up = layer.up, let down = layer.down else {
        let known = layer.up ?? layer.down ?? layer.alpha
        throw .checkpoint(
          path, tensor: known?.name, "its adapter lacks a matrix; up and down belong together")
      }
      guard let name else {
        throw .checkpoint(
          path, tensor: down.name, "is for a layer that this model does not have")
      }
      try reader.add(try update(up, down, layer.alpha, weight), to: name)
    }
  }

  private static func names(_ reader: WeightReader) -> [String: String] {
    var names: [String: String] = [:]
    for name in reader.names where name.hasSuffix(".weight") {
      names[flat(String(name.dropLast(".weight".count)))] = name
    }
    return names
  }

  private func update(
    _ up: StoredTensor, _ down: StoredTensor, _ alpha: StoredTensor?, _ weight: Float
  ) throws(DiffusionError) -> LowRankUpdate {
    guard let rank = down.shape.first, rank > 0, up.shape.count >= 2, up.shape[1] == rank,
      up.shape.dropFirst(2).allSatisfy({ $0 == 1 }), down.shape.count >= 2, down.count > 0
    else {
      throw .checkpoint(
        path, tensor: down.name,
        "has shape \(down.shape) and its partner \(up.shape), which make no product")
    }
    var value = self.alpha ?? Float(rank)
    if let alpha {
      guard alpha.count == 1 else {
        throw .checkpoint(path, tensor: alpha.name, "is not one number")
      }
      try alpha.widen(elements: 0..<1, to: &value)
    }
    guard value.isFinite else {
      throw .checkpoint(path, tensor: alpha?.name ?? down.name, "has an alpha that is not a number")
    }
    return LowRankUpdate(up: up, down: down, rank: rank, scale: weight * value / Float(rank))
  }
}
