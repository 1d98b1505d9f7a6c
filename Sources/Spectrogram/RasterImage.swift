/// An 8-bit RGB picture, rows from the top.
public struct RasterImage: Sendable, Equatable {
  /// The most columns a picture may have: 2,000 s at riffusion's step.
  public static let maximumWidth = 200_000
  /// The most rows a picture may have.
  public static let maximumHeight = 4_096
  /// The most pixels a picture may have.
  public static let maximumPixels = 64 << 20

  /// Pixels of a row, 1 to ``maximumWidth``.
  public let width: Int
  /// Rows, 1 to ``maximumHeight``.
  public let height: Int

  /// height × width × 3 bytes.
  public let pixels: [UInt8]

  /// Throws `invalidPicture` unless `pixels` has height × width × 3 bytes, `tooLarge` above the
  /// limits.
  public init(width: Int, height: Int, pixels: [UInt8]) throws(SpectrogramError) {
    guard width > 0, height > 0 else {
      throw SpectrogramError(
        .invalidPicture, field: "image", "the picture is empty (\(width) × \(height) pixels)")
    }
    try Self.checkSize(width: width, height: height)
    guard pixels.count == width * height * 3 else {
      throw SpectrogramError(
        .invalidPicture, field: "image",
        "\(pixels.count) bytes for \(width) × \(height) RGB pixels")
    }
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  static func checkSize(width: Int, height: Int) throws(SpectrogramError) {
    guard width <= maximumWidth, height <= maximumHeight, width * height <= maximumPixels else {
      throw SpectrogramError(
        .tooLarge, field: "image",
        """
        \(width) × \(height) pixels; at most \(maximumWidth) × \(maximumHeight) and \
        \(maximumPixels) in all
        """)
    }
  }
}
