import CFreeType

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// An outline font of the system's, through FreeType. Used by one task.
final class Typeface {
  private let library: FT_Library
  private let face: FT_Face
  /// Pixels from one line to the next, about.
  let size: Int

  /// Where common systems have a plain sans-serif font.
  private static let places = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
  ]

  /// - Throws: ``Failure`` where no font is found or it cannot be read.
  init(size: Int) throws {
    let chosen = getenv("RIFF_FONT").map { String(cString: $0) } ?? ""
    let path = chosen.isEmpty ? Self.places.first { access($0, R_OK) == 0 } : chosen
    guard let path else {
      throw Failure(
        message: "no font found; install fonts-dejavu-core, or name a font's file in RIFF_FONT")
    }
    var library: FT_Library?
    guard FT_Init_FreeType(&library) == 0, let library else {
      throw Failure(message: "FreeType cannot be used")
    }
    var face: FT_Face?
    guard FT_New_Face(library, path, 0, &face) == 0, let face else {
      FT_Done_FreeType(library)
      throw Failure(message: "\(path) is not a font that can be read")
    }
    (self.library, self.face, self.size) = (library, face, size)
    FT_Set_Pixel_Sizes(face, 0, FT_UInt(size))
  }

  deinit {
    FT_Done_Face(self.face)
    FT_Done_FreeType(self.library)
  }

  /// Ink for a line of text, 0 to 255, rows from the top; `baseline` is the row on which the letters stand.
  func line(_ text: String) -> Ink {
    let (height, baseline) = (self.size * 3 / 2, self.size * 11 / 10)
    var glyphs: [(x: Int, bitmap: Ink)] = []
    var x = 0
    for scalar in text.unicodeScalars {
      // The glyph lies in the face until the next one is loaded.
      guard FT_Load_Char(self.face, FT_ULong(scalar.value), FT_Int32(FT_LOAD_RENDER)) == 0,
        let glyph = self.face.pointee.glyph?.pointee
      else { continue }
      let bitmap = glyph.bitmap
      let (width, rows) = (Int(bitmap.width), Int(bitmap.rows))
      var ink = Ink(width: width, height: height)
      let top = baseline - Int(glyph.bitmap_top)
      if let buffer = bitmap.buffer {
        for row in 0..<rows where (0..<height).contains(top + row) {
          for column in 0..<width {
            ink[column, top + row] = buffer[row * Int(bitmap.pitch) + column]
          }
        }
      }
      glyphs.append((x + Int(glyph.bitmap_left), ink))
      x += Int(glyph.advance.x) >> 6
    }
    var line = Ink(width: max(x, 1), height: height)
    for (start, ink) in glyphs {
      for row in 0..<height {
        for column in 0..<ink.width where (0..<line.width).contains(start + column) {
          line[start + column, row] = max(line[start + column, row], ink[column, row])
        }
      }
    }
    return line
  }
}

/// How much of each pixel is covered.
struct Ink {
  let width: Int
  let height: Int
  private var values: [UInt8]

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    self.values = Array(repeating: 0, count: width * height)
  }

  subscript(column: Int, row: Int) -> UInt8 {
    get { self.values[row * self.width + column] }
    set { self.values[row * self.width + column] = newValue }
  }

  /// Turned by a quarter, so that it reads upwards.
  var upwards: Ink {
    var turned = Ink(width: self.height, height: self.width)
    for row in 0..<self.height {
      for column in 0..<self.width { turned[row, self.width - 1 - column] = self[column, row] }
    }
    return turned
  }
}
