@_exported public import Raster

/// A picture to begin from (img2img), as riffusion's `riffuse` takes it.
public struct InitialPicture: Sendable, Hashable {
  /// Of any size; it is resized to the request's.
  public var image: RasterImage
  /// How far noise replaces the picture, 0 to 1: of the request's steps, int(steps × strength) are
  /// run. Where that is none, the result is the picture as the autoencoder gives it back.
  public var strength: Double

  /// ``DiffusionModel/begin(_:)`` checks both.
  public init(image: RasterImage, strength: Double) {
    self.image = image
    self.strength = strength
  }

  /// Throws `invalidArgument`.
  func validate() throws(DiffusionError) {
    guard strength.isFinite, 0...1 ~= strength else {
      throw .invalid("strength", "must be 0 to 1, not \(strength)")
    }
    guard image.width > 0, image.height > 0 else {
      throw .invalid("initial", "picture is empty (\(image.width) × \(image.height) pixels)")
    }
  }
}
