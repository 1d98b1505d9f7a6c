@_exported public import Raster

extension RasterImage {
  /// The most columns a spectrogram's picture may have: 2,000 s at riffusion's step.
  public static let maximumWidth = 200_000
  /// The most rows it may have.
  public static let maximumHeight = 4_096
  /// The most pixels it may have.
  public static let maximumPixels = 64 << 20

  static func checkSize(width: Int, height: Int) throws(SpectrogramError) {
    guard width > 0, height > 0 else {
      throw SpectrogramError(
        .invalidPicture, field: "image", "the picture is empty (\(width) × \(height) pixels)")
    }
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
