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
  /// Latent columns up to which a picture is decoded as a whole; wider ones are put together from parts that
  /// differ from the whole. Nil: every picture is as if it were decoded as a whole.
  var wholeColumns: Int? { get }
  /// How many parts decoding has; `decode` calls `check` before each.
  var decodingParts: Int { get }

  /// The picture in the arena's present scope, not clamped; ends with what `check` throws.
  func decode(
    _ latents: Tensor, check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> Tensor

  /// How many parts encoding has; `encode` calls `check` before each.
  var encodingParts: Int { get }

  /// Where the picture lies among the latents, in the arena's present scope; its sides are multiples
  /// of the pixels per row and column. Ends with what `check` throws.
  func encode(
    _ picture: Tensor, check: (_ part: Int) throws -> Void, _ compute: Compute
  ) throws -> LatentDistribution
}
