/// `vae/config.json` of an `AutoencoderTiny`.
struct AutoencoderTinyConfiguration: Sendable {
  /// What diffusers' class takes, used here or not.
  static let keys: Set = [
    "in_channels", "out_channels", "encoder_block_out_channels", "decoder_block_out_channels",
    "act_fn", "upsample_fn", "latent_channels", "upsampling_scaling_factor", "num_encoder_blocks",
    "num_decoder_blocks", "latent_magnitude", "latent_shift", "force_upcast", "scaling_factor",
    "shift_factor", "block_out_channels",
  ]

  let encoderWidth: Int
  let decoderWidth: Int
  /// Blocks of each level, from the first layer on.
  let encoderBlocks: [Int]
  let decoderBlocks: [Int]
  let latentChannels: Int
  let scalingFactor: Float

  init(_ config: ConfigReader) throws(DiffusionError) {
    try config.refuseNull(
      "in_channels", "out_channels", "encoder_block_out_channels", "decoder_block_out_channels",
      "act_fn", "upsample_fn", "latent_channels", "num_encoder_blocks", "num_decoder_blocks",
      "scaling_factor")
    try config.require("in_channels", is: 3)
    try config.require("out_channels", is: 3)
    try config.require("act_fn", is: "relu")
    try config.require("upsample_fn", is: "nearest")
    try config.require("upsampling_scaling_factor", is: 2)
    try config.require("shift_factor", is: 0)
    encoderBlocks = try config.integers(
      "num_encoder_blocks", default: [1, 3, 3, 3], in: 0...64)
    decoderBlocks = try config.integers(
      "num_decoder_blocks", default: [3, 3, 3, 1], in: 0...64)
    guard 1...6 ~= encoderBlocks.count, encoderBlocks.count == decoderBlocks.count else {
      throw config.failure(
        "num_encoder_blocks", "and num_decoder_blocks must have the same 1 to 6 entries")
    }
    encoderWidth = try Self.width(config, "encoder_block_out_channels", encoderBlocks.count)
    decoderWidth = try Self.width(config, "decoder_block_out_channels", decoderBlocks.count)
    latentChannels = try config.integer("latent_channels", default: 4, in: 1...16384)
    scalingFactor = try config.positive("scaling_factor", default: 1)
  }

  /// All levels are equally wide, as diffusers' layers take it.
  private static func width(
    _ config: ConfigReader, _ key: String, _ levels: Int
  ) throws(DiffusionError) -> Int {
    let widths = try config.integers(
      key, default: Array(repeating: 64, count: levels), in: 1...16384)
    guard widths.count == levels, widths.allSatisfy({ $0 == widths[0] }) else {
      throw config.failure(key, "must be \(levels) equal numbers")
    }
    return widths[0]
  }
}
