/// A U-Net in Stable Diffusion's own names: its configuration, and diffusers' names.
///
/// Levels and layers are told by which of `input_blocks` are convolutions that halve the map (`op`), all
/// else by shapes; but for the heads: Stable Diffusion 1 has 8 on every level, Stable Diffusion 2, which
/// projects by linear layers, as many as make them 64 wide.
struct LatentDiffusionUNet {
  private struct Place {
    let level: Int
    let layer: Int
  }

  /// Whether it is Stable Diffusion 2's.
  let isSecond: Bool
  let inChannels: Int
  let configuration: DerivedConfiguration
  private let tensors: LatentDiffusionTensors
  /// Of `input_blocks` from the second on; nil where it halves the map.
  private let inputs: [(place: Place, halves: Bool)]
  /// Of `output_blocks`: `up_blocks` and the resnet in it.
  private let outputs: [Place]

  private static let headWidth = 64
  private static let mostLevels = 8

  init(_ tensors: LatentDiffusionTensors) throws(DiffusionError) {
    self.tensors = tensors
    let first = try tensors.shape("input_blocks.0.0.weight", axes: 4...4)
    let last = try tensors.shape("out.2.weight", axes: 4...4)
    inChannels = first[1]
    var inputs: [(place: Place, halves: Bool)] = []
    var widths: [Int] = []
    var layers: [Int] = []
    var attends: [Bool] = []
    var transformers: [Int] = []
    var (level, layer) = (0, 0)
    for block in 1..<max(1, tensors.count("input_blocks")) {
      let stem = "input_blocks.\(block)"
      let halves = tensors.has("\(stem).0.op")
      inputs.append((Place(level: level, layer: layer), halves))
      guard !halves else {
        (level, layer) = (level + 1, 0)
        continue
      }
      if layer == 0 {
        widths.append(try tensors.shape("\(stem).0.in_layers.2.weight", axes: 4...4)[0])
        layers.append(0)
        attends.append(tensors.has("\(stem).1"))
        transformers.append(tensors.count("\(stem).1.transformer_blocks"))
      }
      // Each level begins with a layer, or its width is missing below.
      guard layers.count == level + 1 else { break }
      layers[level] += 1
      layer += 1
    }
    guard 1...Self.mostLevels ~= widths.count, widths.count == level + 1 else {
      throw .checkpoint(
        tensors.file,
        "its U-Net has \(level + 1) levels of which \(widths.count) have layers; Stable Diffusion has 4"
      )
    }
    self.inputs = inputs
    var outputs: [Place] = []
    for (index, count) in layers.reversed().enumerated() {
      outputs += (0...count).map { Place(level: index, layer: $0) }
    }
    self.outputs = outputs
    let middle = "middle_block.1"
    let context = try tensors.shape(
      "\(middle).transformer_blocks.0.attn2.to_k.weight", axes: 2...2)
    let isSecond = try tensors.shape("\(middle).proj_in.weight", axes: 2...4).count == 2
    self.isSecond = isSecond
    let depth = tensors.count("\(middle).transformer_blocks")
    transformers[level] = attends[level] ? transformers[level] : depth
    let time = try tensors.shape("time_embed.0.weight", axes: 2...2)
    let cross = attends.map { $0 ? "CrossAttnDownBlock2D" : "DownBlock2D" }
    let up = attends.reversed().map { $0 ? "CrossAttnUpBlock2D" : "UpBlock2D" }
    configuration = [
      ("_class_name", .string("UNet2DConditionModel")), ("in_channels", .integer(first[1])),
      ("out_channels", .integer(last[0])), ("block_out_channels", .integers(widths)),
      ("down_block_types", .strings(cross)), ("up_block_types", .strings(up)),
      ("layers_per_block", .integers(layers)),
      ("transformer_layers_per_block", .integers(transformers.map { max(1, $0) })),
      (
        "attention_head_dim",
        .integers(widths.map { isSecond ? max(1, $0 / Self.headWidth) : 8 })
      ),
      ("cross_attention_dim", .integer(context[1])),
      ("use_linear_projection", .bool(isSecond)), ("time_embedding_dim", .integer(time[0])),
    ]
  }

  /// The tensors by diffusers' names; those that Stable Diffusion does not have keep their own.
  var named: [StoredTensor] {
    tensors.all.map { name, tensor in tensor.named(Self.join(place(name)) ?? tensor.name) }
  }

  private static func join(_ place: (stem: String, rest: [Substring])?) -> String? {
    place.map { ([$0.stem] + $0.rest.map(String.init)).joined(separator: ".") }
  }

  private func place(_ name: String) -> (stem: String, rest: [Substring])? {
    let parts = name.split(separator: ".")
    func rest(_ count: Int) -> [Substring] { Array(parts.dropFirst(count)) }
    func number(_ index: Int) -> Int? { index < parts.count ? Int(parts[index]) : nil }
    switch (parts.first, number(1), number(2)) {
    case ("time_embed", 0?, _): return ("time_embedding.linear_1", rest(2))
    case ("time_embed", 2?, _): return ("time_embedding.linear_2", rest(2))
    case ("out", 0?, _): return ("conv_norm_out", rest(2))
    case ("out", 2?, _): return ("conv_out", rest(2))
    case ("input_blocks", 0?, 0?): return ("conv_in", rest(3))
    case ("middle_block", let index?, _) where index == 0 || index == 2:
      return Self.resnet("mid_block.resnets.\(index / 2)", rest(2))
    case ("middle_block", 1?, _): return ("mid_block.attentions.0", rest(2))
    case ("input_blocks", let block?, let kind?) where inputs.indices.contains(block - 1):
      let (place, halves) = inputs[block - 1]
      let stem = "down_blocks.\(place.level)"
      if halves { return ("\(stem).downsamplers.0.conv", rest(4)) }
      return kind == 0
        ? Self.resnet("\(stem).resnets.\(place.layer)", rest(3))
        : ("\(stem).attentions.\(place.layer)", rest(3))
    case ("output_blocks", let block?, let kind?) where outputs.indices.contains(block):
      let place = outputs[block]
      let stem = "up_blocks.\(place.level)"
      if kind == 0 { return Self.resnet("\(stem).resnets.\(place.layer)", rest(3)) }
      return parts.count > 3 && parts[3] == "conv"
        ? ("\(stem).upsamplers.0.conv", rest(4))
        : ("\(stem).attentions.\(place.layer)", rest(3))
    default: return nil
    }
  }

  private static func resnet(
    _ stem: String, _ rest: [Substring]
  ) -> (stem: String, rest: [Substring])? {
    let names = [
      "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj",
      "out_layers.0": "norm2", "out_layers.3": "conv2",
    ]
    if rest.first == "skip_connection" { return ("\(stem).conv_shortcut", Array(rest.dropFirst())) }
    guard rest.count > 2, let name = names["\(rest[0]).\(rest[1])"] else { return nil }
    return ("\(stem).\(name)", Array(rest.dropFirst(2)))
  }
}
