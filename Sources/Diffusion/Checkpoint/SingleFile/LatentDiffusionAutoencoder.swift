/// An autoencoder in Stable Diffusion's own names (taming-transformers'): its configuration, and
/// diffusers' names.
struct LatentDiffusionAutoencoder {
  let configuration: DerivedConfiguration
  private let tensors: LatentDiffusionTensors
  private let levels: Int

  init(_ tensors: LatentDiffusionTensors) throws(DiffusionError) {
    self.tensors = tensors
    levels = tensors.count("encoder.down")
    guard 1...8 ~= levels else {
      throw .checkpoint(
        tensors.file, "its autoencoder has \(levels) levels; Stable Diffusion's has 4")
    }
    var widths: [Int] = []
    for level in 0..<levels {
      widths.append(
        try tensors.shape("encoder.down.\(level).block.0.conv1.weight", axes: 4...4)[0])
    }
    let latents = try tensors.shape("decoder.conv_in.weight", axes: 4...4)[1]
    configuration = [
      ("_class_name", .string("AutoencoderKL")), ("block_out_channels", .integers(widths)),
      (
        "down_block_types",
        .strings(Array(repeating: "DownEncoderBlock2D", count: levels))
      ),
      ("up_block_types", .strings(Array(repeating: "UpDecoderBlock2D", count: levels))),
      ("layers_per_block", .integer(tensors.count("encoder.down.0.block"))),
      ("latent_channels", .integer(latents)), ("scaling_factor", .number(0.18215)),
      ("use_quant_conv", .bool(tensors.has("quant_conv"))),
      ("use_post_quant_conv", .bool(tensors.has("post_quant_conv"))),
    ]
  }

  /// The tensors by diffusers' names; those that Stable Diffusion does not have keep their own, and those
  /// of the loss that it was trained with are left out.
  var named: [StoredTensor] {
    tensors.all.filter { !$0.key.hasPrefix("loss.") && !$0.key.hasPrefix("model_ema.") }
      .map { name, tensor in tensor.named(diffusersName(name) ?? tensor.name) }
  }

  private func diffusersName(_ name: String) -> String? {
    let parts = name.split(separator: ".").map(String.init)
    guard let side = parts.first, parts.count > 2 else {
      return name.hasPrefix("quant_conv.") || name.hasPrefix("post_quant_conv.") ? name : nil
    }
    let rest = Array(parts.dropFirst(2))
    func join(_ stem: String, _ rest: some Sequence<String>) -> String {
      ([side, stem] + rest).joined(separator: ".")
    }
    switch parts[1] {
    case "conv_in", "conv_out": return name
    case "norm_out": return join("conv_norm_out", rest)
    case "mid": return middle(rest).map { join("mid_block", $0) }
    case "down", "up":
      guard let index = rest.first.flatMap({ Int($0) }), 0..<levels ~= index, rest.count > 3 else {
        return nil
      }
      // Its decoder counts levels from the largest map.
      let stem =
        parts[1] == "down" ? "down_blocks.\(index)" : "up_blocks.\(levels - 1 - index)"
      switch rest[1] {
      case "block": return join("\(stem).resnets.\(rest[2])", Self.shortcut(rest.dropFirst(3)))
      case "downsample": return join("\(stem).downsamplers.0", rest.dropFirst(2))
      case "upsample": return join("\(stem).upsamplers.0", rest.dropFirst(2))
      default: return nil
      }
    default: return nil
    }
  }

  private func middle(_ parts: [String]) -> [String]? {
    let names = [
      "norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0",
    ]
    switch parts.first {
    case "block_1": return ["resnets.0"] + Self.shortcut(parts.dropFirst())
    case "block_2": return ["resnets.1"] + Self.shortcut(parts.dropFirst())
    case "attn_1":
      guard parts.count > 2, let name = names[parts[1]] else { return nil }
      return ["attentions.0", name] + parts.dropFirst(2)
    default: return nil
    }
  }

  private static func shortcut(_ parts: some Sequence<String>) -> [String] {
    parts.map { $0 == "nin_shortcut" ? "conv_shortcut" : $0 }
  }
}
