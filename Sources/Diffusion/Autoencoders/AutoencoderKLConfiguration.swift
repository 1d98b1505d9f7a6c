/// `vae/config.json` of an `AutoencoderKL`.
struct AutoencoderKLConfiguration: Sendable {
  /// What diffusers' class takes, used here or not.
  static let keys: Set = [
    "in_channels", "out_channels", "down_block_types", "up_block_types", "block_out_channels",
    "layers_per_block", "act_fn", "latent_channels", "norm_num_groups", "sample_size",
    "scaling_factor", "shift_factor", "latents_mean", "latents_std", "force_upcast",
    "use_quant_conv", "use_post_quant_conv", "mid_block_add_attention",
  ]

  let blockOutChannels: [Int]
  let layersPerBlock: Int
  let latentChannels: Int
  let groups: Int
  let scalingFactor: Float
  let usesQuantConv: Bool
  let usesPostQuantConv: Bool
  let midBlockAttention: Bool

  init(_ config: ConfigReader) throws(DiffusionError) {
    let channels = 1...16384
    try config.require("in_channels", is: 3)
    try config.require("out_channels", is: 3)
    try config.require("act_fn", is: "silu", "swish")
    try config.refuseNull(
      "block_out_channels", "down_block_types", "up_block_types", "layers_per_block",
      "latent_channels", "norm_num_groups", "scaling_factor", "act_fn", "in_channels",
      "out_channels")
    for key in ["shift_factor", "latents_mean", "latents_std"] {
      try config.require(key, is: .null)
    }
    blockOutChannels = try config.integers("block_out_channels", default: [64], in: channels)
    let count = blockOutChannels.count
    guard 1...8 ~= count else {
      throw config.failure("block_out_channels", "has \(count) entries; 1 to 8 are supported")
    }
    for (key, name) in [
      ("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D"),
    ] {
      let names = try config.strings(key, default: [name])
      guard names.count == count, names.allSatisfy({ $0 == name }) else {
        throw config.failure(key, "must be \(count) times \(name)")
      }
    }
    layersPerBlock = try config.integer("layers_per_block", default: 1, in: 1...64)
    latentChannels = try config.integer("latent_channels", default: 4, in: channels)
    groups = try config.integer("norm_num_groups", default: 32, in: channels)
    scalingFactor = try config.positive("scaling_factor", default: 0.18215)
    usesQuantConv = try config.bool("use_quant_conv", default: true)
    usesPostQuantConv = try config.bool("use_post_quant_conv", default: true)
    midBlockAttention = try config.bool("mid_block_add_attention", default: true)
  }

  static let epsilon: Float = 1e-6

  func resnet(
    _ scope: WeightScope, _ index: Int, in inChannels: Int, out outChannels: Int
  ) throws(DiffusionError) -> ResnetBlock2D {
    try ResnetBlock2D(
      scope["resnets", index], in: inChannels, out: outChannels, timeChannels: nil,
      groups: groups, epsilon: Self.epsilon)
  }
}
