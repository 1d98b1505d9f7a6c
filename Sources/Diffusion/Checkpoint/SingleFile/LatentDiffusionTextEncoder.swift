/// A text encoder inside a Stable Diffusion file: transformers' CLIP (`cond_stage_model.transformer.`), or
/// OpenCLIP's (`cond_stage_model.model.`), whose last layer Stable Diffusion 2 does not run.
struct LatentDiffusionTextEncoder {
  let configuration: DerivedConfiguration
  /// By transformers' names.
  let named: [StoredTensor]

  private static let headWidth = 64

  init(
    _ tensors: [StoredTensor], file: String, isSecond: Bool
  ) throws(DiffusionError) {
    let open = LatentDiffusionTensors(file: file, prefix: "cond_stage_model.model.", tensors)
    let own =
      open.all.isEmpty
      ? LatentDiffusionTensors(
        file: file, prefix: "cond_stage_model.transformer.",
        tensors.map { $0.named(Self.withoutTextModel($0.name)) })
      : nil
    let names: (table: String, positions: String, layers: String, wide: String)
    names =
      own == nil
      ? (
        "token_embedding.weight", "positional_embedding", "transformer.resblocks",
        "mlp.c_fc.weight"
      )
      : (
        "embeddings.token_embedding.weight", "embeddings.position_embedding.weight",
        "encoder.layers", "mlp.fc1.weight"
      )
    let tensors = own ?? open
    let table = try tensors.shape(names.table, axes: 2...2)
    let positions = try tensors.shape(names.positions, axes: 2...2)
    let wide = try tensors.shape("\(names.layers).0.\(names.wide)", axes: 2...2)
    let layers = tensors.count(names.layers)
    let kept = own == nil ? layers - 1 : layers
    configuration = [
      ("vocab_size", .integer(table[0])), ("hidden_size", .integer(table[1])),
      ("max_position_embeddings", .integer(positions[0])),
      ("intermediate_size", .integer(wide[0])), ("num_hidden_layers", .integer(kept)),
      ("num_attention_heads", .integer(max(1, table[1] / Self.headWidth))),
      ("hidden_act", .string(isSecond ? "gelu" : "quick_gelu")),
    ]
    var named: [StoredTensor] = []
    for (name, tensor) in tensors.all {
      if own == nil {
        named += try Self.fromOpenCLIP(name, tensor, layers: kept)
      } else {
        named.append(tensor.named(name))
      }
    }
    self.named = named
  }

  private static func withoutTextModel(_ name: String) -> String {
    let long = "cond_stage_model.transformer.text_model."
    return name.hasPrefix(long)
      ? "cond_stage_model.transformer." + name.dropFirst(long.count) : name
  }

  /// Nothing for what is not run: the layers from `layers` on, the projection, the image side.
  private static func fromOpenCLIP(
    _ name: String, _ tensor: StoredTensor, layers: Int
  ) throws(DiffusionError) -> [StoredTensor] {
    switch name {
    case "token_embedding.weight": return [tensor.named("embeddings.token_embedding.weight")]
    case "positional_embedding": return [tensor.named("embeddings.position_embedding.weight")]
    case "ln_final.weight", "ln_final.bias":
      return [tensor.named("final_layer_norm.\(name.dropFirst("ln_final.".count))")]
    case "text_projection", "logit_scale", "attn_mask": return []
    default: break
    }
    let stem = "transformer.resblocks."
    guard name.hasPrefix(stem) else { return name.hasPrefix("visual.") ? [] : [tensor] }
    let parts = name.dropFirst(stem.count).split(separator: ".", maxSplits: 1)
    guard parts.count == 2, let layer = Int(parts[0]) else { return [tensor] }
    guard layer < layers else { return [] }
    let place = "encoder.layers.\(layer)"
    for (old, new) in [
      ("ln_1.", "layer_norm1."), ("ln_2.", "layer_norm2."), ("mlp.c_fc.", "mlp.fc1."),
      ("mlp.c_proj.", "mlp.fc2."), ("attn.out_proj.", "self_attn.out_proj."),
    ] where parts[1].hasPrefix(old) {
      return [tensor.named("\(place).\(new)\(parts[1].dropFirst(old.count))")]
    }
    guard parts[1] == "attn.in_proj_weight" || parts[1] == "attn.in_proj_bias" else {
      return [tensor]
    }
    guard let rows = tensor.shape.first, rows % 3 == 0 else {
      throw .checkpoint(
        tensor.file.path, tensor: tensor.name,
        "has shape \(tensor.shape), which is not query, key and value below each other")
    }
    let kind = parts[1].hasSuffix("weight") ? "weight" : "bias"
    return ["q", "k", "v"].enumerated().map { index, letter in
      tensor.part(index, of: 3, named: "\(place).self_attn.\(letter)_proj.\(kind)")
    }
  }
}
