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

    var outChannels: Int {
      switch self {
      case .convolution(let conv, _), .halve(let conv), .double(let conv): conv.outChannels
      case .block(let block): block.channels
      }
    }

    /// That of what it makes of a map.
    func size(_ height: Int, _ width: Int) -> (height: Int, width: Int) {
      switch self {
      case .convolution, .block: (height, width)
      case .halve(let conv): (conv.outputSize(height), conv.outputSize(width))
      case .double: (2 * height, 2 * width)
      }
    }
  }

  /// Loads a checkpoint's `vae`, to compute in `precision`.
  init(
    _ part: CheckpointPart, precision: Precision, warnings: inout [String]
  ) throws(DiffusionError) {
    part.weights.precision = precision.ofPictures
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
          ? .convolution(try Convolution2D(next(), in: 3, out: width, exact: true), relu: false)
          : .halve(
            try Convolution2D(next(), in: width, out: width, stride: 2, hasBias: false)))
      for _ in 0..<blocks {
        layers.append(.block(try AutoencoderTinyBlock(next(), channels: width)))
      }
    }
    layers.append(
      .convolution(try Convolution2D(next(), in: width, out: latents, exact: true), relu: false))
    return layers
  }

  private static func decoder(
    _ scope: WeightScope, _ configuration: AutoencoderTinyConfiguration, latents: Int
  ) throws(DiffusionError) -> [Layer] {
    let width = configuration.decoderWidth
    var layers: [Layer] = [
      .convolution(
        try Convolution2D(scope["layers", 0], in: latents, out: width, exact: true), relu: true)
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
          .convolution(
            try Convolution2D(scope["layers", index], in: width, out: 3, exact: true), relu: false))
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
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let parts = (latents.width + Self.columns - 1) / Self.columns
    func own(_ part: Int) -> Range<Int> {
      latents.width * part / parts..<latents.width * (part + 1) / parts
    }
    func seen(_ part: Int) -> Range<Int> {
      let own = own(part)
      return max(0, own.lowerBound - reach)..<min(latents.width, own.upperBound + reach)
    }
    let widest = (0..<parts).reduce(0) { max($0, seen($1).count) }
    let turns = try Turns(
      decoder, batch: latents.batch, height: latents.height, width: widest,
      channels: latents.channels, compute)
    for part in 0..<parts {
      let own = own(part)
      let seen = seen(part)
      let start = turns.first(
        batch: latents.batch, height: latents.height, width: seen.count,
        channels: latents.channels)
      for line in 0..<start.batch * start.height {
        let from = latents.row(line * latents.width + seen.lowerBound)
        let to = start.row(line * seen.count)
        // As diffusers keeps latents within ±3.
        for place in 0..<seen.count * latents.channels { to[place] = tanh(from[place] / 3) * 3 }
      }
      // The layers are counted once, over all parts of the picture.
      let map = try run(decoder, start, turns, compute) { layer in
        try check((part * decodingParts + layer) / parts)
      }
      let first = (own.lowerBound - seen.lowerBound) * pixelsPerColumn
      for line in 0..<picture.batch * picture.height {
        let from = map.row(line * map.width + first)
        let to = picture.row(line * picture.width + own.lowerBound * pixelsPerColumn)
        for place in 0..<own.count * pixelsPerColumn * 3 { to[place] = from[place] * 2 - 1 }
      }
    }
    return picture
  }

  func encode(
    _ picture: Tensor, check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> LatentDistribution {
    let latents = try compute.arena.tensor(
      batch: picture.batch, height: picture.height / pixelsPerRow,
      width: picture.width / pixelsPerColumn, channels: latentChannels)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let turns = try Turns(
      encoder, batch: picture.batch, height: picture.height, width: picture.width, channels: 3,
      compute)
    let start = turns.first(
      batch: picture.batch, height: picture.height, width: picture.width, channels: 3)
    for index in 0..<start.count { start.data[index] = (picture.data[index] + 1) / 2 }
    latents.copy(from: try run(encoder, start, turns, compute, check: check))
    return LatentDistribution(mean: latents, logVariance: nil)
  }

  /// Memory of the maps, for the largest of them: a layer reads one, the next and the last are written.
  private struct Turns {
    private let memory: [UnsafeMutablePointer<Float>]

    /// For `layers` that begin with a map of that size, in the arena's present scope.
    init(
      _ layers: [Layer], batch: Int, height: Int, width: Int, channels: Int, _ compute: Compute
    ) throws(DiffusionError) {
      var size = (height, width)
      var largest = height * width * channels
      for layer in layers {
        size = layer.size(size.0, size.1)
        largest = max(largest, size.0 * size.1 * layer.outChannels)
      }
      largest *= batch
      compute.arena.trim(before: 3 * largest)
      var memory: [UnsafeMutablePointer<Float>] = []
      for _ in 0..<3 { memory.append(try compute.arena.floats(largest)) }
      self.memory = memory
    }

    func first(batch: Int, height: Int, width: Int, channels: Int) -> Tensor {
      Tensor(data: memory[0], batch: batch, height: height, width: width, channels: channels)
    }

    /// The other two maps beside `x`: of that size, in its place.
    func others(_ x: Tensor, height: Int, width: Int, channels: Int) -> (Tensor, Tensor) {
      let free = memory.filter { $0 != x.data }
      func map(_ data: UnsafeMutablePointer<Float>) -> Tensor {
        Tensor(data: data, batch: x.batch, height: height, width: width, channels: channels)
      }
      return (map(free[0]), map(free[1]))
    }
  }

  private func run(
    _ layers: [Layer], _ start: Tensor, _ turns: Turns, _ compute: Compute,
    check: (_ part: Int) throws -> Void
  ) throws -> Tensor {
    var x = start
    for (index, layer) in layers.enumerated() {
      try check(index)
      let (height, width) = layer.size(x.height, x.width)
      let (next, spare) = turns.others(
        x, height: height, width: width, channels: layer.outChannels)
      switch layer {
      case .convolution(let conv, let relu):
        try conv.forward(x, into: next, rectified: relu, compute)
      case .halve(let conv): try conv.forward(x, into: next, compute)
      case .double(let conv): try conv.forward(x, into: next, enlarged: true, compute)
      case .block(let block):
        try block.forward(x, by: next, spare, compute)
        continue
      }
      x = next
    }
    return x
  }
}
