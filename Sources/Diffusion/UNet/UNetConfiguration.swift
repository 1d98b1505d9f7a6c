/// `unet/config.json` of a `UNet2DConditionModel`, as far as Stable Diffusion 1.x and 2.x use it.
struct UNetConfiguration: Sendable {
  /// What diffusers' class takes, used here or not.
  static let keys: Set = [
    "sample_size", "in_channels", "out_channels", "center_input_sample", "flip_sin_to_cos",
    "freq_shift", "down_block_types", "mid_block_type", "up_block_types", "only_cross_attention",
    "block_out_channels", "layers_per_block", "downsample_padding", "mid_block_scale_factor",
    "dropout", "act_fn", "norm_num_groups", "norm_eps", "cross_attention_dim",
    "transformer_layers_per_block", "reverse_transformer_layers_per_block", "encoder_hid_dim",
    "encoder_hid_dim_type", "attention_head_dim", "num_attention_heads", "dual_cross_attention",
    "use_linear_projection", "class_embed_type", "addition_embed_type", "addition_time_embed_dim",
    "num_class_embeds", "upcast_attention", "resnet_time_scale_shift", "resnet_skip_time_act",
    "resnet_out_scale_factor", "time_embedding_type", "time_embedding_dim",
    "time_embedding_act_fn", "timestep_post_act", "time_cond_proj_dim", "conv_in_kernel",
    "conv_out_kernel", "projection_class_embeddings_input_dim", "attention_type",
    "class_embeddings_concat", "mid_block_only_cross_attention", "cross_attention_norm",
    "addition_embed_type_num_heads",
  ]

  enum Block: Sendable {
    case plain
    case crossAttention
  }

  /// What joins the timestep's embedding, `addition_embed_type`.
  enum Addition: Sendable {
    /// `text`: the prompt's tokens, through an attention of so many heads.
    case text(heads: Int)
    /// `text_time`: the prompt as a whole, and so many numbers of so many sinusoids each.
    case textTime(numbers: Int, width: Int)
  }

  let inChannels: Int
  let outChannels: Int
  /// Latent rows and columns the model was trained on.
  let sampleHeight: Int
  let sampleWidth: Int
  let blockOutChannels: [Int]
  let downBlocks: [Block]
  let upBlocks: [Block]
  let layersPerBlock: [Int]
  let transformerLayers: [Int]
  /// Heads of each level: `attention_head_dim` is the number of heads, as it always was
  /// (https://github.com/huggingface/diffusers/issues/2011#issuecomment-1547958131).
  let heads: [Int]
  let crossAttentionDimension: [Int]
  /// Of each level; the middle has self-attention always.
  let onlyCrossAttention: [Bool]
  /// Whether transformers project by linear layers, not 1×1 convolutions: weights have two axes.
  let usesLinearProjection: Bool
  let groups: Int
  let epsilon: Float
  let downsamplePadding: Int
  let flipSinToCos: Bool
  let frequencyShift: Int
  let timeEmbeddingDimension: Int
  let addition: Addition?

  init(_ config: ConfigReader) throws(DiffusionError) {
    try Self.refuseUnsupported(config)
    let channels = 1...16384
    inChannels = try config.integer("in_channels", default: 4, in: channels)
    outChannels = try config.integer("out_channels", default: 4, in: channels)
    blockOutChannels = try config.integers(
      "block_out_channels", default: [320, 640, 1280, 1280], in: channels)
    let count = blockOutChannels.count
    guard 1...8 ~= count else {
      throw config.failure("block_out_channels", "has \(count) entries; 1 to 8 are supported")
    }
    if case .array = config.present("sample_size") {
      let size = try config.integers("sample_size", in: 1...4096)
      guard size.count == 2 else { throw config.failure("sample_size", "must have two entries") }
      sampleHeight = size[0]
      sampleWidth = size[1]
    } else {
      sampleHeight = try config.integer("sample_size", default: 64, in: 1...4096)
      sampleWidth = sampleHeight
    }
    downBlocks = try Self.blocks(
      config, "down_block_types", plain: "DownBlock2D", cross: "CrossAttnDownBlock2D",
      default: Array(repeating: "CrossAttnDownBlock2D", count: 3) + ["DownBlock2D"], count: count)
    upBlocks = try Self.blocks(
      config, "up_block_types", plain: "UpBlock2D", cross: "CrossAttnUpBlock2D",
      default: ["UpBlock2D"] + Array(repeating: "CrossAttnUpBlock2D", count: 3), count: count)
    layersPerBlock = try config.perBlock(
      "layers_per_block", count: count, default: 2, in: 1...64)
    transformerLayers = try config.perBlock(
      "transformer_layers_per_block", count: count, default: 1, in: 1...64)
    heads = try config.perBlock("attention_head_dim", count: count, default: 8, in: 1...4096)
    crossAttentionDimension = try config.perBlock(
      "cross_attention_dim", count: count, default: 1280, in: channels)
    onlyCrossAttention = try config.perBlock(
      "only_cross_attention", count: count, default: false)
    usesLinearProjection = try config.bool("use_linear_projection", default: false)
    groups = try config.integer("norm_num_groups", default: 32, in: channels)
    epsilon = try config.positive("norm_eps", default: 1e-5)
    downsamplePadding = try config.integer("downsample_padding", default: 1, in: 0...1)
    flipSinToCos = try config.bool("flip_sin_to_cos", default: true)
    frequencyShift = try config.integer("freq_shift", default: 0, in: 0...1)
    timeEmbeddingDimension = try config.integer(
      "time_embedding_dim", default: 4 * blockOutChannels[0], in: 1...65536)
    addition = try Self.addition(
      config, context: crossAttentionDimension, frequencyShift: frequencyShift)
    guard blockOutChannels[0] / 2 > frequencyShift else {
      throw config.failure("block_out_channels", "begins with too few channels for a timestep")
    }
    for (channels, heads) in zip(blockOutChannels, heads) where channels % heads != 0 {
      throw config.failure(
        "attention_head_dim", "is \(heads), which does not divide \(channels) channels")
    }
  }

  /// Numbers besides the prompt that a model of `text_time` may take.
  private static let mostTimeIDs = 64

  private static func addition(
    _ config: ConfigReader, context: [Int], frequencyShift: Int
  ) throws(DiffusionError) -> Addition? {
    let key = "addition_embed_type"
    guard config.present(key) != nil else { return nil }
    try config.require(key, is: "text", "text_time")
    guard context.allSatisfy({ $0 == context[0] }) else {
      throw config.failure(key, "needs one cross_attention_dim for all levels")
    }
    if try config.string(key) == "text" {
      let heads = try config.integer("addition_embed_type_num_heads", default: 64, in: 1...4096)
      guard context[0] % heads == 0 else {
        throw config.failure(
          "addition_embed_type_num_heads",
          "is \(heads), which does not divide cross_attention_dim \(context[0])")
      }
      return .text(heads: heads)
    }
    let width = try config.integer(
      "addition_time_embed_dim", in: 2 * (frequencyShift + 1)...16384)
    let inputs = "projection_class_embeddings_input_dim"
    let rest = try config.integer(inputs, in: 1...1 << 20) - context[0]
    guard rest >= 0, rest % width == 0, rest / width <= mostTimeIDs else {
      throw config.failure(
        inputs,
        "must be cross_attention_dim, \(context[0]), and at most \(mostTimeIDs) times "
          + "addition_time_embed_dim, \(width)")
    }
    return .textTime(numbers: rest / width, width: width)
  }

  /// Numbers besides the prompt that the U-Net is told, `time_ids`.
  var timeIDs: Int {
    if case .textTime(let numbers, _) = addition { numbers } else { 0 }
  }

  private static func blocks(
    _ config: ConfigReader, _ key: String, plain: String, cross: String, default fallback: [String],
    count: Int
  ) throws(DiffusionError) -> [Block] {
    let names = try config.strings(key, default: fallback)
    guard names.count == count else {
      throw config.failure(key, "has \(names.count) entries, block_out_channels has \(count)")
    }
    var blocks: [Block] = []
    for name in names {
      switch name {
      case plain: blocks.append(.plain)
      case cross: blocks.append(.crossAttention)
      default: throw config.failure(key, "names \(name); \(plain) and \(cross) are supported")
      }
    }
    return blocks
  }

  private static func refuseUnsupported(_ config: ConfigReader) throws(DiffusionError) {
    try config.refuseNull(
      "in_channels", "out_channels", "block_out_channels", "down_block_types", "up_block_types",
      "mid_block_type", "layers_per_block", "attention_head_dim", "cross_attention_dim",
      "transformer_layers_per_block", "norm_num_groups", "norm_eps", "act_fn", "conv_in_kernel",
      "conv_out_kernel", "freq_shift", "downsample_padding")
    try config.require("mid_block_type", is: "UNetMidBlock2DCrossAttn")
    try config.require("act_fn", is: "silu", "swish")
    try config.require("center_input_sample", is: false)
    try config.require("mid_block_scale_factor", is: 1)
    try config.require("dual_cross_attention", is: false)
    try config.require("resnet_time_scale_shift", is: "default")
    try config.require("resnet_skip_time_act", is: false)
    try config.require("resnet_out_scale_factor", is: 1)
    try config.require("time_embedding_type", is: "positional")
    try config.require("conv_in_kernel", is: 3)
    try config.require("conv_out_kernel", is: 3)
    try config.require("attention_type", is: "default")
    try config.require("class_embeddings_concat", is: false)
    // No unsupported value of these is known: they do not bear on what runs here in f32.
    _ = try config.bool("upcast_attention", default: false)
    _ = try config.bool("mid_block_only_cross_attention", default: false)
    _ = try config.double("dropout", default: 0)
    for key in [
      "num_attention_heads", "reverse_transformer_layers_per_block", "encoder_hid_dim",
      "encoder_hid_dim_type", "class_embed_type", "num_class_embeds",
      "time_embedding_act_fn", "timestep_post_act", "time_cond_proj_dim", "cross_attention_norm",
    ] {
      try config.require(key, is: .null)
    }
  }
}
