/// Which parts of an initial picture stay: black is kept, white painted over, grey in proportion.
///
/// It is brought to the latents by the nearest of its pixels, whatever its size. A U-Net that takes
/// masks itself (``DiffusionModelInfo/takesMask``) sees it in black and white, 128 and above white; what it
/// keeps is put back only where the autoencoder is a linear patch one, which diffusers does not have.
public struct KeepMask: Sendable, Hashable {
  /// How noisy the kept parts are made after a step.
  public enum Noising: Sendable, Hashable {
    /// As the next step finds them, and clean after the last one: as diffusers' inpainting does it.
    case nextStep
    /// As the step just taken found them: riffusion's `riffuse`, whose last step leaves some noise.
    case takenStep
  }

  /// Pixels of a row; need not be the picture's.
  public let width: Int
  /// Rows; need not be the picture's.
  public let height: Int
  /// width · height grey levels, row by row from the top.
  public let levels: [UInt8]
  /// Whose rule is followed: diffusers' unless said otherwise.
  public var noising: Noising

  /// `levels` has width · height values.
  public init(width: Int, height: Int, levels: [UInt8], noising: Noising = .nextStep) {
    precondition(levels.count == width * height)
    self.width = width
    self.height = height
    self.levels = levels
    self.noising = noising
  }

  /// A picture's luminance, as Pillow converts it to grey (ITU-R BT.601).
  public init(_ image: RasterImage, noising: Noising = .nextStep) {
    let levels = (0..<image.width * image.height).map { pixel -> UInt8 in
      let (red, green, blue) = (
        Int(image.pixels[3 * pixel]), Int(image.pixels[3 * pixel + 1]),
        Int(image.pixels[3 * pixel + 2])
      )
      return UInt8((red * 19_595 + green * 38_470 + blue * 7_471 + 32_768) >> 16)
    }
    self.init(width: image.width, height: image.height, levels: levels, noising: noising)
  }

  /// How much of each latent is kept, 0 to 1: by the pixel at its middle, as riffusion's
  /// `preprocess_mask` does it, or at its corner, as diffusers.
  package func kept(rows: Int, columns: Int) -> [Float] {
    func source(_ index: Int, of count: Int, from size: Int) -> Int {
      switch noising {
      case .takenStep: (2 * index + 1) * size / (2 * count)
      case .nextStep: index * size / count
      }
    }
    return (0..<rows).flatMap { row -> [Float] in
      let line = source(row, of: rows, from: height) * width
      return (0..<columns).map { column in
        1 - Float(levels[line + source(column, of: columns, from: width)]) / 255
      }
    }
  }

  /// Whether each pixel of a picture of another size is painted over, as diffusers' mask processor
  /// decides: resized by Lanczos' filter, then cut at one half.
  func painted(width newWidth: Int, height newHeight: Int) -> [Bool] {
    let grey = RasterImage(
      width: width, height: height, pixels: levels.flatMap { [$0, $0, $0] }
    ).resized(width: newWidth, height: newHeight)
    return (0..<newWidth * newHeight).map { grey.pixels[3 * $0] >= 128 }
  }

  /// Throws `invalidArgument`.
  func validate() throws(DiffusionError) {
    guard width > 0, height > 0 else {
      throw .invalid("mask", "the mask is empty (\(width) × \(height) pixels)")
    }
  }
}
