internal import Cores
internal import Provenance

/// diffusers' `AutoencoderKL`. Rombach et al., 2022 (arXiv:2112.10752); Kingma and Welling, 2013.
///
/// Its norms and its attention look at the whole map, so only the whole is exact. Beyond 128 latent columns a picture
/// is encoded and decoded in parts that overlap: memory does not grow with the width. Each is computed as a picture
/// of its own. With fewer than 13 latent rows, a part's smallest maps may have too few tiles for products of 16-bit
/// integers, and be in f32, where the whole's have enough; a part's own norms make far more of a difference.
struct AutoencoderKL: Autoencoder {
  let parameterCount: Int
  let weights: [any StoredWeight]
  let fingerprint: Fingerprint
  private let configuration: AutoencoderKLConfiguration
  private let encoder: Encoder
  private let decoder: Decoder
  private let quantConv: Linear?
  private let postQuantConv: Linear?

  private static let cut = ColumnCut(whole: 128, columns: 96, grain: 1, margin: 16, fade: 8)

  var latentChannels: Int { configuration.latentChannels }
  var isSampled: Bool { true }
  var scalingFactor: Float { configuration.scalingFactor }
  var pixelsPerRow: Int { 1 << (configuration.blockOutChannels.count - 1) }
  var pixelsPerColumn: Int { pixelsPerRow }
  var decoding: ColumnCut { Self.cut }
  var encoding: ColumnCut { Self.cut }
  var decodingParts: Int { decoder.parts }
  var encodingParts: Int { encoder.parts }

  /// Loads a checkpoint's `vae`, to compute in `precision`.
  init(
    _ part: CheckpointPart, precision: Precision, warnings: inout [String]
  ) throws(DiffusionError) {
    let config = part.config
    part.weights.precision = precision.ofPictures
    configuration = try AutoencoderKLConfiguration(config)
    if let warning = config.warning(
      besides: AutoencoderKLConfiguration.keys, of: "AutoencoderKL")
    {
      warnings.append(warning)
    }
    let reader = part.weights
    let root = reader.root
    let latents = configuration.latentChannels
    encoder = try Encoder(root["encoder"], configuration)
    decoder = try Decoder(root["decoder"], configuration)
    quantConv =
      configuration.usesQuantConv
      ? try Linear(root["quant_conv"], in: 2 * latents, out: 2 * latents, exact: true) : nil
    postQuantConv =
      configuration.usesPostQuantConv
      ? try Linear(root["post_quant_conv"], in: latents, out: latents, exact: true) : nil
    parameterCount = reader.parameterCount
    weights = reader.weights
    fingerprint = try reader.finish(warnings: &warnings)
  }

  func decode(
    _ latents: Tensor, of fullWidth: Int, wanted: Range<Int>, check: (_ part: Int) throws -> Void,
    _ compute: Compute
  ) throws -> DecodedColumns {
    let picture = try compute.arena.tensor(
      batch: latents.batch, height: latents.height * pixelsPerRow,
      width: latents.width * pixelsPerColumn, channels: 3)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    var x = latents
    if let postQuantConv {
      x = try compute.arena.tensor(like: latents)
      try postQuantConv.forward(latents, into: x, compute)
    }
    try decoder.forward(x, into: picture, check: check, compute)
    return DecodedColumns(picture: picture, first: 0)
  }

  func encode(
    _ picture: Tensor, of fullWidth: Int, check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> LatentDistribution {
    let height = picture.height / pixelsPerRow
    let width = picture.width / pixelsPerColumn
    let mean = try compute.arena.tensor(
      batch: picture.batch, height: height, width: width, channels: latentChannels)
    let logVariance = try compute.arena.tensor(like: mean)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let moments = try compute.arena.tensor(like: mean, channels: 2 * latentChannels)
    let raw = try compute.arena.tensor(like: moments)
    try encoder.forward(
      picture, into: quantConv == nil ? moments : raw, check: check, compute)
    try quantConv?.forward(raw, into: moments, compute)
    for row in 0..<mean.rows {
      for channel in 0..<latentChannels {
        mean.row(row)[channel] = moments.row(row)[channel]
        // Clamped as diffusers' DiagonalGaussianDistribution does.
        let spread = moments.row(row)[latentChannels + channel]
        logVariance.row(row)[channel] = min(max(spread, -30), 20)
      }
    }
    return LatentDistribution(mean: mean, logVariance: logVariance)
  }

  /// diffusers' `Decoder`.
  private struct Decoder: Sendable {
    private struct Level: Sendable {
      let resnets: [ResnetBlock2D]
      let upsampler: Upsample2D?
    }

    private let convIn: Convolution2D
    private let midBlock: AutoencoderMidBlock
    private let levels: [Level]
    private let normOut: GroupNorm
    private let convOut: Convolution2D

    init(
      _ scope: WeightScope, _ configuration: AutoencoderKLConfiguration
    ) throws(DiffusionError) {
      let channels = Array(configuration.blockOutChannels.reversed())
      convIn = try Convolution2D(
        scope["conv_in"], in: configuration.latentChannels, out: channels[0], exact: true)
      midBlock = try AutoencoderMidBlock(scope["mid_block"], channels: channels[0], configuration)
      var levels: [Level] = []
      var width = channels[0]
      for (index, out) in channels.enumerated() {
        let block = scope["up_blocks", index]
        var resnets: [ResnetBlock2D] = []
        for layer in 0...configuration.layersPerBlock {
          resnets.append(try configuration.resnet(block, layer, in: width, out: out))
          width = out
        }
        levels.append(
          Level(
            resnets: resnets,
            upsampler: index == channels.count - 1
              ? nil : try Upsample2D(block["upsamplers", 0], channels: out)))
      }
      self.levels = levels
      normOut = try GroupNorm(
        scope["conv_norm_out"], channels: width, groups: configuration.groups,
        epsilon: AutoencoderKLConfiguration.epsilon)
      convOut = try Convolution2D(scope["conv_out"], in: width, out: 3, exact: true)
    }

    /// The middle and every resnet.
    var parts: Int { levels.reduce(1) { $0 + $1.resnets.count } }

    func forward(
      _ latents: Tensor, into picture: Tensor, check: (_ part: Int) throws -> Void,
      _ compute: Compute
    ) throws {
      var part = 0
      try check(part)
      let start = try compute.arena.tensor(like: latents, channels: convIn.outChannels)
      try convIn.forward(latents, into: start, compute)
      let memory = try MapMemory(
        pixels: latents.rows, channels: convIn.outChannels,
        outputs: levels.compactMap { $0.resnets.last?.outChannels }, growing: true)
      var x = try OwnedMap(copying: try midBlock.forward(start, compute), from: memory)
      for level in levels {
        compute.arena.trim()
        x = try level.resnets.forward(x, from: memory, compute) {
          part += 1
          try check(part)
        }
        guard let upsampler = level.upsampler else { continue }
        x = try x.withTensor { from in
          let out = try OwnedMap(
            batch: from.batch, height: 2 * from.height, width: 2 * from.width,
            channels: from.channels, from: memory)
          try out.withTensor { try upsampler.forward(from, into: $0, compute) }
          return out
        }
      }
      compute.arena.trim()
      try x.withTensor { x in
        try convOut.forward(x, after: normOut, into: picture, overwriting: true, compute)
      }
    }
  }

  /// diffusers' `Encoder`.
  private struct Encoder: Sendable {
    private struct Level: Sendable {
      let resnets: [ResnetBlock2D]
      let downsampler: Downsample2D?
    }

    private let convIn: Convolution2D
    private let levels: [Level]
    private let midBlock: AutoencoderMidBlock
    private let normOut: GroupNorm
    private let convOut: Convolution2D

    init(
      _ scope: WeightScope, _ configuration: AutoencoderKLConfiguration
    ) throws(DiffusionError) {
      let channels = configuration.blockOutChannels
      convIn = try Convolution2D(scope["conv_in"], in: 3, out: channels[0], exact: true)
      var levels: [Level] = []
      var width = channels[0]
      for (index, out) in channels.enumerated() {
        let block = scope["down_blocks", index]
        var resnets: [ResnetBlock2D] = []
        for layer in 0..<configuration.layersPerBlock {
          resnets.append(try configuration.resnet(block, layer, in: width, out: out))
          width = out
        }
        levels.append(
          Level(
            resnets: resnets,
            downsampler: index == channels.count - 1
              ? nil : try Downsample2D(block["downsamplers", 0], channels: out, padding: 0)))
      }
      self.levels = levels
      midBlock = try AutoencoderMidBlock(scope["mid_block"], channels: width, configuration)
      normOut = try GroupNorm(
        scope["conv_norm_out"], channels: width, groups: configuration.groups,
        epsilon: AutoencoderKLConfiguration.epsilon)
      convOut = try Convolution2D(
        scope["conv_out"], in: width, out: 2 * configuration.latentChannels, exact: true)
    }

    /// Every resnet and the middle.
    var parts: Int { levels.reduce(1) { $0 + $1.resnets.count } }

    func forward(
      _ picture: Tensor, into moments: Tensor, check: (_ part: Int) throws -> Void,
      _ compute: Compute
    ) throws {
      var part = 0
      let memory = try MapMemory(
        pixels: picture.rows, channels: convIn.outChannels,
        outputs: levels.compactMap { $0.resnets.last?.outChannels }, growing: false)
      var x = try OwnedMap(like: picture, channels: convIn.outChannels, from: memory)
      try x.withTensor { try convIn.forward(picture, into: $0, compute) }
      for level in levels {
        compute.arena.trim()
        x = try level.resnets.forward(x, from: memory, compute) {
          try check(part)
          part += 1
        }
        guard let downsampler = level.downsampler else { continue }
        x = try x.withTensor { from in
          let out = try OwnedMap(
            batch: from.batch, height: downsampler.conv.outputSize(from.height),
            width: downsampler.conv.outputSize(from.width), channels: from.channels, from: memory)
          try out.withTensor { try downsampler.conv.forward(from, into: $0, compute) }
          return out
        }
      }
      try check(part)
      try x.withTensor { x in
        let end = try midBlock.forward(x, compute)
        try convOut.forward(end, after: normOut, into: moments, overwriting: true, compute)
      }
    }
  }
}
