internal import Cores
internal import Provenance

/// An autoencoder of our own for grey pictures: each patch of pixels is one linear map to its
/// latents and one back, such as the principal components of patches give.
///
/// `config.json`: `in_channels` 1, `patch_size` [height, width], `latent_channels`,
/// `scaling_factor`. Weights: `encoder.weight` [latents, pixels], `encoder.bias` [latents],
/// `decoder.weight` [pixels, latents], `decoder.bias` [pixels]; pixels of a patch are in row-major
/// order, grey in −1 … 1, patches lie on the latent grid in row-major order.
struct LinearPatchAutoencoder: Autoencoder {
  let latentChannels: Int
  let isSampled = false
  let pixelsPerRow: Int
  let pixelsPerColumn: Int
  let scalingFactor: Float
  let parameterCount: Int
  let weights: [any StoredWeight]
  let fingerprint: Fingerprint
  let decoding = Self.cut
  let encoding = Self.cut
  let decodingParts = 1
  let encodingParts = 1
  private let encoder: Linear
  private let decoder: Linear

  /// A patch depends on its own latents only.
  private static let cut = ColumnCut(whole: 64, columns: 64, grain: 1, margin: 0, fade: 0)

  /// Loads a checkpoint's `vae`.
  init(_ part: CheckpointPart, warnings: inout [String]) throws(DiffusionError) {
    let config = part.config
    let keys: Set = ["in_channels", "patch_size", "latent_channels", "scaling_factor"]
    if let warning = config.warning(besides: keys, of: "LinearPatchAutoencoder") {
      warnings.append(warning)
    }
    try config.require("in_channels", is: 1)
    let patch = try config.integers("patch_size", in: 1...256)
    guard patch.count == 2 else {
      throw config.failure("patch_size", "must be a height and a width in pixels")
    }
    pixelsPerRow = patch[0]
    pixelsPerColumn = patch[1]
    latentChannels = try config.integer("latent_channels", in: 1...16384)
    scalingFactor = try config.positive("scaling_factor", default: 1)
    let pixels = patch[0] * patch[1]
    let reader = part.weights
    encoder = try Linear(reader.root["encoder"], in: pixels, out: latentChannels)
    decoder = try Linear(reader.root["decoder"], in: latentChannels, out: pixels)
    parameterCount = reader.parameterCount
    weights = reader.weights
    fingerprint = try reader.finish(warnings: &warnings)
  }

  func decode(
    _ latents: Tensor, of fullWidth: Int, wanted: Range<Int>, check: (_ part: Int) throws -> Void,
    _ compute: Compute
  ) throws -> DecodedColumns {
    try check(0)
    let width = latents.width * pixelsPerColumn
    let picture = try compute.arena.tensor(
      batch: latents.batch, height: latents.height * pixelsPerRow, width: width, channels: 3)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let patches = try compute.arena.tensor(
      like: latents, channels: pixelsPerRow * pixelsPerColumn)
    try decoder.forward(latents, into: patches, compute)
    for patch in 0..<patches.rows {
      for line in 0..<pixelsPerRow {
        let source = patches.row(patch) + line * pixelsPerColumn
        let target = picture.row(pixel(of: patch, line, latents.width))
        for column in 0..<pixelsPerColumn {
          for channel in 0..<3 { target[3 * column + channel] = source[column] }
        }
      }
    }
    return DecodedColumns(picture: picture, first: 0)
  }

  /// Grey is the mean of red, green and blue.
  func encode(
    _ picture: Tensor, of fullWidth: Int, check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> LatentDistribution {
    try check(0)
    let latents = try compute.arena.tensor(
      batch: picture.batch, height: picture.height / pixelsPerRow,
      width: picture.width / pixelsPerColumn, channels: latentChannels)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let patches = try compute.arena.tensor(
      like: latents, channels: pixelsPerRow * pixelsPerColumn)
    for patch in 0..<patches.rows {
      for line in 0..<pixelsPerRow {
        let target = patches.row(patch) + line * pixelsPerColumn
        let source = picture.row(pixel(of: patch, line, latents.width))
        for column in 0..<pixelsPerColumn {
          target[column] =
            (source[3 * column] + source[3 * column + 1] + source[3 * column + 2]) / 3
        }
      }
    }
    try encoder.forward(patches, into: latents, compute)
    return LatentDistribution(mean: latents, logVariance: nil)
  }

  /// The picture's row index of the first pixel in a line of a patch; the batch is part of the
  /// patch's row number.
  private func pixel(of patch: Int, _ line: Int, _ columns: Int) -> Int {
    ((patch / columns) * pixelsPerRow + line) * columns * pixelsPerColumn
      + patch % columns * pixelsPerColumn
  }
}
