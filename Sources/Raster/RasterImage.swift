/// An 8-bit picture: `width` × `height` pixels, red, green and blue interleaved, row by row from the top.
public struct RasterImage: Sendable, Hashable {
  /// Pixels of a row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// 3 · width · height values.
  public let pixels: [UInt8]

  /// `pixels` has 3 · width · height values.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(pixels.count == 3 * width * height)
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}
