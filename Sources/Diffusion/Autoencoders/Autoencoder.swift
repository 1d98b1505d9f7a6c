internal import Cores
internal import Provenance

/// Pictures ⇄ latents. A picture is [1, height, width, 3] in −1 … 1, latents are as the U-Net takes
/// them divided by `scalingFactor`.
protocol Autoencoder: Sendable {
  var latentChannels: Int { get }
  /// Pixels a latent row or column stands for.
  var pixelsPerRow: Int { get }
  var pixelsPerColumn: Int { get }
  var scalingFactor: Float { get }
  /// Whether a picture's latents are a sample of a distribution, for which noise is drawn.
  var isSampled: Bool { get }
  var parameterCount: Int { get }
  var weights: [any StoredWeight] { get }
  /// Of its tensors; see ``WeightReader``.
  var fingerprint: Fingerprint { get }
  /// How wide pictures are cut to be decoded (``ColumnDecoder``) and to be encoded.
  var decoding: ColumnCut { get }
  var encoding: ColumnCut { get }
  /// How many parts decoding has; `decode` calls `check` before each.
  var decodingParts: Int { get }

  /// The picture in the arena's present scope, not clamped; ends with what `check` throws. The latents are some of
  /// a map's columns, or all: it is `fullWidth` wide. Those that are not `wanted` are there for those that are, and
  /// may be left out of the picture.
  func decode(
    _ latents: Tensor, of fullWidth: Int, wanted: Range<Int>, check: (_ part: Int) throws -> Void,
    _ compute: Compute
  ) throws -> DecodedColumns

  /// How many parts encoding has; `encode` calls `check` before each.
  var encodingParts: Int { get }

  /// Where all of the picture lies among the latents, in the arena's present scope; its sides are multiples
  /// of the pixels per row and column. It is some of the columns of one `fullWidth` wide, or all. Ends with what
  /// `check` throws.
  func encode(
    _ picture: Tensor, of fullWidth: Int, check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> LatentDistribution
}

/// A picture of some of its columns.
struct DecodedColumns {
  /// [1, height, width, 3]
  let picture: Tensor
  /// The pixel column that it begins with, counted from the first of the latents.
  let first: Int
}

extension Autoencoder {
  /// Where a picture of `height` × `width` latents lies among them, in the arena's present scope: a wide one in
  /// parts. `fill` writes some of its pixel columns to a map; `check` is called as by ``encode(_:of:check:_:)``, whose
  /// parts are counted once, over all of the picture.
  func encode(
    height: Int, width: Int, fill: (_ columns: Range<Int>, _ picture: Tensor) -> Void,
    check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> LatentDistribution {
    func picture(_ columns: Range<Int>) throws(DiffusionError) -> Tensor {
      let pixels = columns.lowerBound * pixelsPerColumn..<columns.upperBound * pixelsPerColumn
      let picture = try compute.arena.tensor(
        batch: 1, height: height * pixelsPerRow, width: pixels.count, channels: 3)
      fill(pixels, picture)
      return picture
    }
    let columns = OverlappedColumns(width: width, encoding)
    guard columns.parts.count > 1 else {
      return try encode(picture(0..<width), of: width * pixelsPerColumn, check: check, compute)
    }
    let mean = try compute.arena.tensor(
      batch: 1, height: height, width: width, channels: latentChannels)
    mean.floats.update(repeating: 0)
    var logVariance: Tensor?
    if isSampled {
      let map = try compute.arena.tensor(like: mean)
      map.floats.update(repeating: 0)
      logVariance = map
    }
    for (index, part) in columns.parts.enumerated() {
      let mark = compute.arena.mark()
      defer { compute.arena.release(to: mark) }
      let own = try encode(
        picture(part.seen), of: width * pixelsPerColumn,
        check: { try check((index * encodingParts + $0) / columns.parts.count) }, compute)
      columns.add(own.mean, of: index, to: mean)
      if let logVariance, let spread = own.logVariance {
        columns.add(spread, of: index, to: logVariance)
      }
    }
    return LatentDistribution(mean: mean, logVariance: logVariance)
  }
}
