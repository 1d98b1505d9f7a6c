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
/// A pixel depends on a few latent columns around it, and a latent on a few pixel columns, so wide pictures are
/// decoded and encoded some columns at a time, with as much overlap as that takes: memory does not grow with the
/// width. A picture has the bits of the whole's, but for OpenBLAS's products, and latents differ from the whole's by the
/// precision's rounding.
struct AutoencoderTiny: Autoencoder {
  let parameterCount: Int
  let weights: [any StoredWeight]
  let fingerprint: Fingerprint
  private let configuration: AutoencoderTinyConfiguration
  private let encoder: [Layer]
  private let decoder: [Layer]

  /// Latent columns that are decoded or encoded together, at most, besides the overlap.
  private static let columns = 64
  /// Columns that minimal filtering computes together. Parts begin at multiples of it on each of the maps, so that
  /// they have the whole's tiles.
  private static let tile = 4

  var latentChannels: Int { configuration.latentChannels }
  var isSampled: Bool { false }
  var scalingFactor: Float { configuration.scalingFactor }
  var pixelsPerRow: Int { 1 << (configuration.decoderBlocks.count - 1) }
  var pixelsPerColumn: Int { pixelsPerRow }
  var decoding: ColumnCut { Self.cut(margin: decoderReach) }
  var encoding: ColumnCut { Self.cut(margin: encoderReach) }
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

  private static func cut(margin: Int) -> ColumnCut {
    ColumnCut(whole: columns, columns: columns, grain: tile, margin: margin, fade: 0)
  }

  /// Latent columns to each side that a part of a picture depends on.
  private var decoderReach: Int {
    // Somewhere in a wide picture.
    let own = 1 << 24..<1 << 24 + Self.columns
    return own.lowerBound - inputs(for: own, of: 1 << 25)[0].lowerBound
  }

  /// The columns of each layer's input that decoded columns of `width` latents depend on, to the last bit.
  private func inputs(for wanted: Range<Int>, of width: Int) -> [Range<Int>] {
    var limit = width * pixelsPerColumn
    var columns = wanted.lowerBound * pixelsPerColumn..<wanted.upperBound * pixelsPerColumn
    /// Of a convolution, by the tiles that its output lies in.
    func widen() {
      let first = columns.lowerBound / Self.tile * Self.tile - Self.tile
      let end = (columns.upperBound + Self.tile - 1) / Self.tile * Self.tile + 1
      columns = max(0, first)..<min(limit, end)
    }
    var inputs: [Range<Int>] = []
    for layer in decoder.reversed() {
      switch layer {
      case .convolution, .halve: widen()
      case .block: for _ in 0..<AutoencoderTinyBlock.depth { widen() }
      case .double:
        widen()
        limit /= 2
        columns =
          columns.lowerBound / 2 / Self.tile * Self.tile..<min(limit, (columns.upperBound + 1) / 2)
      }
      inputs.append(columns)
    }
    return inputs.reversed()
  }

  /// Latent columns to each side whose pixels a latent depends on, but for rounding: tiles that reach further
  /// would more than double the work.
  private var encoderReach: Int {
    // In pixels of a layer's input, from the end on.
    var reach = 0
    for layer in encoder.reversed() {
      switch layer {
      case .convolution, .double: reach += 1
      case .block: reach += AutoencoderTinyBlock.depth
      case .halve: reach = 2 * reach + 1
      }
    }
    let grain = pixelsPerColumn * Self.tile
    return (reach + grain - 1) / grain * Self.tile
  }

  func decode(
    _ latents: Tensor, of fullWidth: Int, wanted: Range<Int>, check: (_ part: Int) throws -> Void,
    _ compute: Compute
  ) throws -> DecodedColumns {
    let picture = try compute.arena.tensor(
      batch: latents.batch, height: latents.height * pixelsPerRow,
      width: wanted.count * pixelsPerColumn, channels: 3)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let needed = inputs(for: wanted, of: latents.width)
    let turns = try Turns(
      decoder, batch: latents.batch, height: latents.height, width: latents.width,
      channels: latents.channels, needed: needed, compute)
    let start = turns.first(
      batch: latents.batch, height: latents.height, width: latents.width,
      channels: latents.channels)
    // As diffusers keeps latents within ±3.
    for index in 0..<latents.count { start.data[index] = tanh(latents.data[index] / 3) * 3 }
    let map = try run(decoder, start, of: fullWidth, turns, needed: needed, compute, check: check)
    let first = wanted.lowerBound * pixelsPerColumn
    for line in 0..<picture.batch * picture.height {
      let from = map.tensor.row(line * map.tensor.width + first - map.first)
      let to = picture.row(line * picture.width)
      for place in 0..<3 * picture.width { to[place] = from[place] * 2 - 1 }
    }
    return DecodedColumns(picture: picture, first: first)
  }

  func encode(
    _ picture: Tensor, of fullWidth: Int, check: (_ part: Int) throws -> Void, _ compute: Compute
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
    latents.copy(from: try run(encoder, start, of: fullWidth, turns, compute, check: check).tensor)
    return LatentDistribution(mean: latents, logVariance: nil)
  }

  /// Memory of the maps, for the largest of them: a layer reads one, the next and the last are written.
  private struct Turns {
    private static let maps = 3

    private let memory: [UnsafeMutablePointer<Float>]

    /// For `layers` that begin with a map of that size, in the arena's present scope; of what they double, as
    /// many columns as are `needed`.
    init(
      _ layers: [Layer], batch: Int, height: Int, width: Int, channels: Int,
      needed: [Range<Int>]? = nil, _ compute: Compute
    ) throws(DiffusionError) {
      var size = (height, width)
      var largest = height * width * channels
      for (index, layer) in layers.enumerated() {
        if case .double = layer, let needed { size.1 = needed[index].count }
        size = layer.size(size.0, size.1)
        largest = max(largest, size.0 * size.1 * layer.outChannels)
      }
      largest *= batch
      compute.arena.trim(before: Self.maps, of: largest)
      var memory: [UnsafeMutablePointer<Float>] = []
      for _ in 0..<Self.maps { memory.append(try compute.arena.floats(largest)) }
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

  /// What the layers make of a map, some of the columns of one `fullWidth` wide, and the column that it begins with.
  /// Before a map is doubled, columns that are not `needed` for what is wanted are left out. Convolutions are made as
  /// the full map's would be.
  private func run(
    _ layers: [Layer], _ start: Tensor, of fullWidth: Int, _ turns: Turns,
    needed: [Range<Int>]? = nil, _ compute: Compute, check: (_ part: Int) throws -> Void
  ) throws -> (tensor: Tensor, first: Int) {
    var compute = compute
    var fullWidth = fullWidth
    var x = start
    var first = 0
    for (index, layer) in layers.enumerated() {
      try check(index)
      if case .double = layer, let needed {
        let columns = needed[index].lowerBound - first..<needed[index].upperBound - first
        if columns.count < x.width {
          let (cut, _) = turns.others(
            x, height: x.height, width: columns.count, channels: x.channels)
          cut.copy(columns, of: x)
          x = cut
        }
        first = 2 * needed[index].lowerBound
      }
      let (height, width) = layer.size(x.height, x.width)
      fullWidth = layer.size(x.height, fullWidth).width
      compute.fullWidth = fullWidth
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
    return (x, first)
  }
}
