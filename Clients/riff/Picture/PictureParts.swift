import Provenance
import Spectrogram

/// A spectrogram that comes in parts, each to the right of the one before, as one picture. Owned by one
/// task at a time.
struct PictureParts {
  private let recipe: Recipe
  /// Columns of the whole; nil: it comes in one piece.
  private let columns: Int?
  private var parts: [[UInt8]] = []
  private var width = 0

  /// - Parameter recipe: How it is made.
  init(_ recipe: Recipe = Recipe()) {
    self.recipe = recipe
    self.columns = recipe["width"].flatMap { Int($0) }
  }

  /// Takes a PNG file that begins at a column, and returns the whole picture's once all of it is there. What
  /// comes in one piece, or cannot be read, stays as it is.
  mutating func add(_ png: [UInt8], at column: UInt64) -> [UInt8]? {
    guard let columns, let part = try? SpectrogramPicture(file: png) else { return png }
    if column == 0, part.frames >= columns { return png }
    self.parts.append(png)
    self.width += part.frames
    return self.width >= columns ? self.finish() : nil
  }

  /// The picture of what has come and was not returned; nil where that is nothing.
  mutating func finish() -> [UInt8]? {
    defer { self.parts = [] }
    guard let first = self.parts.first else { return nil }
    return (try? self.joined(self.parts)) ?? first
  }

  /// Pictures of equal heights side by side, as a file that says how they were made.
  private func joined(_ files: [[UInt8]]) throws(SpectrogramError) -> [UInt8]? {
    var pictures: [SpectrogramPicture] = []
    for file in files { pictures.append(try SpectrogramPicture(file: file)) }
    guard let first = pictures.first, pictures.allSatisfy({ $0.bins == first.bins }) else {
      return nil
    }
    let width = pictures.reduce(0) { $0 + $1.frames }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(3 * width * first.bins)
    for row in 0..<first.bins {
      for picture in pictures {
        let line = 3 * picture.frames
        pixels += picture.image.pixels[row * line..<(row + 1) * line]
      }
    }
    let whole = try SpectrogramPicture(
      image: RasterImage(width: width, height: first.bins, pixels: pixels),
      parameters: first.parameters, maximum: first.maximum)
    return try whole.png(texts: self.recipe.pictureTexts.map { PictureText($0.keyword, $0.text) })
  }
}
