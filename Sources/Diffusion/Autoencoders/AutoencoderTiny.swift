internal import Cores
internal import Provenance

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// diffusers' `AutoencoderTiny`, Ollin Boer Bohan's TAESD (https://github.com/madebyollin/taesd): plain
/// convolutions and ReLU, without norms and attention. Its encoder draws no random numbers.
///
/// A pixel depends on a few latent columns around it, so a wide picture is decoded some columns at a time,
/// with as much overlap as that takes: memory does not grow with the width, and the result is the whole's.
struct AutoencoderTiny: Autoencoder {
  let parameterCount: Int
  let weights: [any StoredWeight]
  let fingerprint: Fingerprint
  private let configuration: AutoencoderTinyConfiguration
  private let encoder: [Layer]
  private let decoder: [Layer]

  /// Latent columns that are decoded together, at most, besides the overlap.
  private static let columns = 96

  var latentChannels: Int { configuration.latentChannels }
  var isSampled: Bool { false }
  var scalingFactor: Float { configuration.scalingFactor }
  var pixelsPerRow: Int { 1 << (configuration.decoderBlocks.count - 1) }
  var pixelsPerColumn: Int { pixelsPerRow }
  var wholeColumns: Int? { nil }
  var decodingParts: Int { decoder.count }
  var encodingParts: Int { encoder.count }

  /// A layer of diffusers' `nn.Sequential`.
  private enum Layer: Sendable {
    case convolution(Convolution2D, relu: Bool)
    /// To half the size.
    case halve(Convolution2D)
    /// Each pixel repeated, then a convolution.
    case double(Convolution2D)
    case block(AutoencoderTinyBlock)
  }

  /// Loads a checkpoint's `vae`.
  init(_ part: CheckpointPart, warnings: inout [String]) throws(DiffusionError) {
    configuration = try AutoencoderTinyConfiguration(part.config)
    if let warning = part.config.warning(
      besides: AutoencoderTinyConfiguration.keys, of: "AutoencoderTiny")
    {
      warnings.append(warning)
    }
    let reader = part.weights
    let latents = configuration.latentChannels
    encoder = try Self.encoder(reader.root["encoder"], configuration, latents: latents)
    decoder = try Self.decoder(reader.root["decoder"], configuration, latents: latents)
    parameterCount = reader.parameterCount
    weights = reader.weights
    fingerprint = try reader.finish(warnings: &warnings)
  }

  private static func encoder(
    _ scope: WeightScope, _ configuration: AutoencoderTinyConfiguration, latents: Int
  ) throws(DiffusionError) -> [Layer] {
    let width = configuration.encoderWidth
    var layers: [Layer] = []
    var index = 0
    func next() -> WeightScope {
      defer { index += 1 }
      return scope["layers", index]
    }
    for (level, blocks) in configuration.encoderBlocks.enumerated() {
      layers.append(
        level == 0
          ? .convolution(try Convolution2D(next(), in: 3, out: width), relu: false)
          : .halve(
            try Convolution2D(next(), in: width, out: width, stride: 2, hasBias: false)))
      for _ in 0..<blocks {
        layers.append(.block(try AutoencoderTinyBlock(next(), channels: width)))
      }
    }
    layers.append(.convolution(try Convolution2D(next(), in: width, out: latents), relu: false))
    return layers
  }

  private static func decoder(
    _ scope: WeightScope, _ configuration: AutoencoderTinyConfiguration, latents: Int
  ) throws(DiffusionError) -> [Layer] {
    let width = configuration.decoderWidth
    var layers: [Layer] = [
      .convolution(try Convolution2D(scope["layers", 0], in: latents, out: width), relu: true)
    ]
    // The second is the ReLU.
    var index = 2
    for (level, blocks) in configuration.decoderBlocks.enumerated() {
      for _ in 0..<blocks {
        layers.append(.block(try AutoencoderTinyBlock(scope["layers", index], channels: width)))
        index += 1
      }
      if level < configuration.decoderBlocks.count - 1 {
        // The one before it repeats pixels.
        layers.append(
          .double(
            try Convolution2D(scope["layers", index + 1], in: width, out: width, hasBias: false)))
        index += 2
      } else {
        layers.append(
          .convolution(try Convolution2D(scope["layers", index], in: width, out: 3), relu: false))
      }
    }
    return layers
  }

  /// Latent columns to each side that a pixel depends on.
  private var reach: Int {
    // In pixels of the finest map, from the end on.
    var reach = 0
    var size = 1
    for layer in decoder.reversed() {
      switch layer {
      case .convolution, .halve: reach += size
      case .block: reach += 3 * size
      case .double:
        reach += size
        size *= 2
      }
    }
    return (reach + size - 1) / size + 1
  }

  func decode(
    _ latents: Tensor, check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> Tensor {
    let picture = try compute.arena.tensor(
      batch: latents.batch, height: latents.height * pixelsPerRow,
      width: latents.width * pixelsPerColumn, channels: 3)
    let parts = (latents.width + Self.columns - 1) / Self.columns
    for part in 0..<parts {
      let own = latents.width * part / parts..<latents.width * (part + 1) / parts
      let seen = max(0, own.lowerBound - reach)..<min(latents.width, own.upperBound + reach)
      // The layers are counted once, over all parts of the picture.
      let map = try decoded(latents, columns: seen, compute) { layer in
        try check((part * decodingParts + layer) / parts)
      }
      let first = (own.lowerBound - seen.lowerBound) * pixelsPerColumn
      map.withTensor { map in
        for line in 0..<picture.batch * picture.height {
          picture.row(line * picture.width + own.lowerBound * pixelsPerColumn).update(
            from: map.row(line * map.width + first), count: own.count * pixelsPerColumn * 3)
        }
      }
      compute.arena.trim()
    }
    for index in 0..<picture.count { picture.data[index] = picture.data[index] * 2 - 1 }
    return picture
  }

  /// What the decoder's layers make of some columns.
  private func decoded(
    _ latents: Tensor, columns: Range<Int>, _ compute: Compute, check: (Int) throws -> Void
  ) throws -> OwnedMap {
    let start = try OwnedMap(
      batch: latents.batch, height: latents.height, width: columns.count,
      channels: latents.channels)
    start.withTensor { start in
      for line in 0..<start.batch * start.height {
        let from = latents.row(line * latents.width + columns.lowerBound)
        let to = start.row(line * columns.count)
        // As diffusers keeps latents within ±3.
        for place in 0..<columns.count * latents.channels { to[place] = tanh(from[place] / 3) * 3 }
      }
    }
    return try run(decoder, start, compute, check: check)
  }

  func encode(
    _ picture: Tensor, check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> LatentDistribution {
    let latents = try compute.arena.tensor(
      batch: picture.batch, height: picture.height / pixelsPerRow,
      width: picture.width / pixelsPerColumn, channels: latentChannels)
    let start = try OwnedMap(copying: picture)
    start.withTensor { start in
      for index in 0..<start.count { start.data[index] = (start.data[index] + 1) / 2 }
    }
    try run(encoder, start, compute, check: check).withTensor { latents.copy(from: $0) }
    return LatentDistribution(mean: latents, logVariance: nil)
  }

  private func run(
    _ layers: [Layer], _ start: consuming OwnedMap, _ compute: Compute,
    check: (_ part: Int) throws -> Void
  ) throws -> OwnedMap {
    var x = start
    for (index, layer) in layers.enumerated() {
      try check(index)
      x = try x.withTensor { from in
        switch layer {
        case .convolution(let conv, let relu):
          let out = try OwnedMap(like: from, channels: conv.outChannels)
          try out.withTensor { out in
            try conv.forward(from, into: out, compute)
            if relu { out.rectify(compute) }
          }
          return out
        case .halve(let conv):
          let out = try OwnedMap(
            batch: from.batch, height: conv.outputSize(from.height),
            width: conv.outputSize(from.width), channels: conv.outChannels)
          try out.withTensor { try conv.forward(from, into: $0, compute) }
          return out
        case .double(let conv):
          let out = try OwnedMap(
            batch: from.batch, height: 2 * from.height, width: 2 * from.width,
            channels: conv.outChannels)
          try out.withTensor { try conv.forward(from, into: $0, enlarged: true, compute) }
          return out
        case .block(let block):
          let out = try OwnedMap(like: from, channels: from.channels)
          try out.withTensor { try block.forward(from, into: $0, compute) }
          return out
        }
      }
    }
    return x
  }
}
