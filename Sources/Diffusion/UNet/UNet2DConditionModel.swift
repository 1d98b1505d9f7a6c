internal import Cores
internal import Provenance

/// diffusers' `UNet2DConditionModel`: predicts noise (or velocity) in latents for a timestep and a
/// prompt. Rombach et al., 2022 (arXiv:2112.10752).
struct UNet2DConditionModel: Sendable {
  let configuration: UNetConfiguration
  let parameterCount: Int
  let weights: [any StoredWeight]
  let fingerprint: Fingerprint
  private let convIn: Convolution2D
  private let timeEmbedding: TimestepEmbedding
  private let addition: Addition?
  private let downBlocks: [DownBlock2D]
  private let midBlock: UNetMidBlock2DCrossAttn
  private let upBlocks: [UpBlock2D]
  private let normOut: GroupNorm
  private let convOut: Convolution2D
  private let slots: CrossAttentionSlots

  /// What joins the timestep's embedding.
  private enum Addition: Sendable {
    case text(TextTimeEmbedding)
    case textTime(TextTimeIDsEmbedding)
  }

  /// Loads a checkpoint's `unet`.
  init(
    _ part: CheckpointPart, precision: Precision, warnings: inout [String]
  ) throws(DiffusionError) {
    let config = part.config
    part.weights.precision = precision
    try config.require("_class_name", is: "UNet2DConditionModel")
    if let warning = config.warning(besides: UNetConfiguration.keys, of: "UNet2DConditionModel") {
      warnings.append(warning)
    }
    try self.init(UNetConfiguration(config), part.weights, warnings: &warnings)
  }

  private init(
    _ configuration: UNetConfiguration, _ reader: WeightReader, warnings: inout [String]
  ) throws(DiffusionError) {
    self.configuration = configuration
    let root = reader.root
    let channels = configuration.blockOutChannels
    let levels = channels.count
    convIn = try Convolution2D(
      root["conv_in"], in: configuration.inChannels, out: channels[0], exact: true)
    timeEmbedding = try TimestepEmbedding(
      root["time_embedding"], waves: Self.waves(channels[0], configuration),
      embedding: configuration.timeEmbeddingDimension)
    addition = try Self.addition(root["add_embedding"], configuration)
    var slots = CrossAttentionSlots()

    var downBlocks: [DownBlock2D] = []
    /// Channels of every state the way down leaves for the way up.
    var skips = [channels[0]]
    for level in 0..<levels {
      let scope = root["down_blocks", level]
      var resnets: [ResnetBlock2D] = []
      var attentions: [Transformer2DModel] = []
      for layer in 0..<configuration.layersPerBlock[level] {
        resnets.append(
          try Self.resnet(
            scope, layer, in: skips[skips.count - 1], out: channels[level], configuration))
        skips.append(channels[level])
        if configuration.downBlocks[level] == .crossAttention {
          attentions.append(
            try Self.transformer(
              scope, layer, level: level,
              onlyCross: configuration.onlyCrossAttention[level], configuration, &slots))
        }
      }
      var downsampler: Downsample2D?
      if level < levels - 1 {
        downsampler = try Downsample2D(
          scope["downsamplers", 0], channels: channels[level],
          padding: configuration.downsamplePadding)
        skips.append(channels[level])
      }
      downBlocks.append(
        DownBlock2D(resnets: resnets, attentions: attentions, downsampler: downsampler))
    }
    self.downBlocks = downBlocks

    let deepest = channels[levels - 1]
    let mid = root["mid_block"]
    midBlock = UNetMidBlock2DCrossAttn(
      first: try Self.resnet(mid, 0, in: deepest, out: deepest, configuration),
      attention: try Self.transformer(
        mid, 0, level: levels - 1, onlyCross: false, configuration, &slots),
      second: try Self.resnet(mid, 1, in: deepest, out: deepest, configuration))

    var upBlocks: [UpBlock2D] = []
    var width = deepest
    for (index, level) in (0..<levels).reversed().enumerated() {
      let scope = root["up_blocks", index]
      var resnets: [ResnetBlock2D] = []
      var attentions: [Transformer2DModel] = []
      for layer in 0...configuration.layersPerBlock[level] {
        // The way down pushed as many states as the way up pops: both follow the same lists.
        let skip = skips.removeLast()
        resnets.append(
          try Self.resnet(scope, layer, in: width + skip, out: channels[level], configuration))
        width = channels[level]
        if configuration.upBlocks[index] == .crossAttention {
          attentions.append(
            try Self.transformer(
              scope, layer, level: level,
              onlyCross: configuration.onlyCrossAttention[level], configuration, &slots))
        }
      }
      upBlocks.append(
        UpBlock2D(
          resnets: resnets, attentions: attentions,
          upsampler: level == 0
            ? nil : try Upsample2D(scope["upsamplers", 0], channels: channels[level])))
    }
    self.upBlocks = upBlocks
    self.slots = slots

    normOut = try GroupNorm(
      root["conv_norm_out"], channels: channels[0], groups: configuration.groups,
      epsilon: configuration.epsilon)
    convOut = try Convolution2D(
      root["conv_out"], in: channels[0], out: configuration.outChannels, exact: true)
    parameterCount = reader.parameterCount
    weights = reader.weights
    fingerprint = try reader.finish(warnings: &warnings)
  }

  private static func waves(_ channels: Int, _ configuration: UNetConfiguration) -> Timesteps {
    Timesteps(
      channels: channels, flipSinToCos: configuration.flipSinToCos,
      frequencyShift: configuration.frequencyShift)
  }

  private static func addition(
    _ scope: WeightScope, _ configuration: UNetConfiguration
  ) throws(DiffusionError) -> Addition? {
    let context = configuration.crossAttentionDimension[0]
    let embedding = configuration.timeEmbeddingDimension
    switch configuration.addition {
    case nil: return nil
    case .text(let heads):
      return .text(
        try TextTimeEmbedding(scope, context: context, embedding: embedding, heads: heads))
    case .textTime(let numbers, let width):
      return .textTime(
        try TextTimeIDsEmbedding(
          scope, context: context, waves: waves(width, configuration), numbers: numbers,
          embedding: embedding))
    }
  }

  private static func resnet(
    _ scope: WeightScope, _ index: Int, in inChannels: Int, out outChannels: Int,
    _ configuration: UNetConfiguration
  ) throws(DiffusionError) -> ResnetBlock2D {
    try ResnetBlock2D(
      scope["resnets", index], in: inChannels, out: outChannels,
      timeChannels: configuration.timeEmbeddingDimension, groups: configuration.groups,
      epsilon: configuration.epsilon)
  }

  private static func transformer(
    _ scope: WeightScope, _ index: Int, level: Int, onlyCross: Bool,
    _ configuration: UNetConfiguration, _ slots: inout CrossAttentionSlots
  ) throws(DiffusionError) -> Transformer2DModel {
    let place = scope["attentions", index]
    let width = configuration.blockOutChannels[level]
    let axes = configuration.usesLinearProjection ? [width, width] : [width, width, 1, 1]
    for name in ["proj_in", "proj_out"] { _ = try place[name].stored("weight", shape: axes) }
    return try Transformer2DModel(
      place,
      Transformer2DModel.Shape(
        channels: width, heads: configuration.heads[level],
        layers: configuration.transformerLayers[level],
        context: configuration.crossAttentionDimension[level], groups: configuration.groups,
        onlyCrossAttention: onlyCross), slots: &slots)
  }

  /// Channels of what the deep layers give.
  var deepChannels: Int { configuration.blockOutChannels[0] }

  /// What the prompts contribute to every step; `timeIDs` are the numbers besides each prompt, and
  /// empty where nothing is told.
  func context(
    _ prompts: PromptEmbedding, timeIDs: [[Float]], _ compute: Compute
  ) throws(DiffusionError) -> CrossAttentionContext {
    let row: Tensor? =
      switch addition {
      case nil: nil
      case .text(let addition): try addition.forward(prompts.tokens, compute)
      case .textTime(let addition):
        try addition.forward(prompts.whole, timeIDs: timeIDs, compute)
      }
    return try CrossAttentionContext(slots, addition: row, embedding: prompts.tokens, compute)
  }

  /// The prediction for `latents` [batch, height, width, in_channels] into `out`, which has
  /// out_channels.
  ///
  /// The batch has the items of one picture or more, one after the other: `items` of each, which have a
  /// timestep in common. Where products are our own, a picture's bytes do not depend on the others.
  func forward(
    _ latents: Tensor, timesteps: [Float], items: [Int], context: CrossAttentionContext,
    deepLayers: DeepLayers = .run { _ in }, into out: Tensor, _ compute: Compute
  ) throws(DiffusionError) {
    precondition(items.reduce(0, +) == latents.batch && items.count == timesteps.count)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let time = try timeEmbedding.forward(
      timesteps: timesteps, items: items, additions: context.additions, compute)
    var x = try compute.arena.tensor(like: latents, channels: convIn.outChannels)
    try convIn.forward(latents, into: x, compute)
    var states = [x]
    // There are as many blocks as levels, one at least, and each has a layer more than its level.
    let last = upBlocks[upBlocks.count - 1]
    let end = last.resnets.count - 1
    switch deepLayers {
    case .run(let show):
      for block in downBlocks {
        try block.forward(
          states[states.count - 1], time: time, context: context, states: &states, compute)
      }
      x = try midBlock.forward(
        states[states.count - 1], time: time, context: context, compute)
      for block in upBlocks.dropLast() {
        x = try block.forward(x, time: time, context: context, states: &states, compute)
      }
      x = try last.forward(
        x, layers: 0..<end, time: time, context: context, states: &states, compute)
      try show(x)
    case .reuse(let features):
      precondition(features.rows == x.rows && features.channels == deepChannels)
      x = features
    }
    x = try last.forward(
      x, layers: end..<end + 1, time: time, context: context, states: &states, compute)
    try normOut.forward(x, into: x, silu: true, compute)
    try convOut.forward(x, into: out, compute)
  }
}
