import Foundation
import Spectrogram
import Testing

/// Pillow, which riffusion reads and writes pictures with, makes the files and says what is in
/// them.
@Suite("JPEG")
struct JPEGTests {
  /// A picture of many colours, `width` × `height`, saved by Pillow with further arguments.
  static func file(_ mode: String, width: Int = 61, height: Int = 37, _ options: String = "")
    throws -> [UInt8]
  {
    try withTemporaryFile("jpg", []) { path in
      _ = try witness([
        "/usr/bin/python3", "-c",
        """
        import sys
        from PIL import Image
        width, height = \(width), \(height)
        image = Image.new("RGB", (width, height))
        image.putdata([(x * 4 % 256, y * 6 % 256, (x * y) // 9 % 256)
                       for y in range(height) for x in range(width)])
        exif = Image.Exif()
        image.convert("\(mode)").save(sys.argv[1], format="JPEG", quality=95 \(options))
        """, path,
      ])
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }
  }

  /// The RGB pixels that Pillow sees.
  static func pillow(_ file: [UInt8]) throws -> [UInt8] {
    let text = try withTemporaryFile("jpg", file) { path in
      try witness([
        "/usr/bin/python3", "-c",
        """
        import sys
        from PIL import Image
        print(*Image.open(sys.argv[1]).convert("RGB").tobytes())
        """, path,
      ])
    }
    return text.split(separator: " ").compactMap { UInt8($0) }
  }

  @Test(
    "grey and colour, subsampled or not, progressive or not: the pixels that Pillow sees",
    arguments: [
      ("L", ""), ("RGB", ""), ("RGB", ", subsampling=0"), ("RGB", ", subsampling=1"),
      ("RGB", ", progressive=True"), ("L", ", progressive=True, optimize=True"),
    ])
  func pixels(mode: String, options: String) throws {
    let file = try Self.file(mode, options)
    let image = try TaggedImage(file: file).image
    #expect(image.width == 61)
    #expect(image.height == 37)
    let theirs = try Self.pillow(file)
    try #require(theirs.count == image.pixels.count)
    // Another version of libjpeg may round another way.
    #expect(zip(image.pixels, theirs).allSatisfy { abs(Int($0) - Int($1)) <= 2 })
    #expect(Set(theirs).count > 100)
  }

  @Test("riffusion's tags are read, in whatever order of bytes", arguments: [true, false])
  func exif(bigEndian: Bool) throws {
    let order = bigEndian ? ", exif=b'Exif\\0\\0' + bytes.fromhex('\(Self.big)')" : Self.pillows
    let picture = try SpectrogramPicture(file: Self.file("RGB", order))
    #expect(picture.hasEXIF)
    #expect(picture.parameters.stepMilliseconds == 20)
    #expect(picture.parameters.windowMilliseconds == 200)
    #expect(picture.maximum == 1_000_000)
    #expect(picture.bins == 37)
  }

  /// Step, window and maximum, by Pillow (little endian unless told) and by hand.
  private static let pillows =
    ", exif=(exif.update({11010: 20, 11020: 200, 11080: 1000000}) or exif)"
  private static let big =
    "4d4d002a00000008" + "0003"
    + "2b02000300000001" + "00140000" + "2b0c000300000001" + "00c80000"
    + "2b48000400000001" + "000f4240" + "00000000"

  @Test("a JPEG without EXIF, as riffusion's server answers, takes the defaults and says so")
  func noEXIF() throws {
    let picture = try SpectrogramPicture(file: Self.file("RGB"))
    #expect(!picture.hasEXIF)
    #expect(picture.parameters == SpectrogramParameters(melBins: 37))
    #expect(picture.maximum == SpectrogramParameters.defaultMaximum)
  }

  @Test("EXIF that is none, or of something else, is told from EXIF that is damaged")
  func otherEXIF() throws {
    let foreign = try Self.file("RGB", ", exif=(exif.update({274: 1}) or exif)")
    #expect(try SpectrogramPicture(file: foreign).hasEXIF == false)
    let damaged = try Self.file("RGB", ", exif=b'Exif\\0\\0MM\\0*\\xff\\xff\\xff\\xff'")
    let error = try #require(throws: SpectrogramError.self) {
      try SpectrogramPicture(file: damaged)
    }
    #expect(error.kind == .invalidEXIF)
  }

  @Test("CMYK is refused by name")
  func cmyk() throws {
    let file = try Self.file("CMYK")
    let error = try #require(throws: SpectrogramError.self) { try TaggedImage(file: file) }
    #expect(error.kind == .invalidPicture)
    #expect(error.message.contains("CMYK"))
  }

  @Test("one pixel, one row, one column", arguments: [(1, 1), (300, 1), (1, 300)])
  func small(width: Int, height: Int) throws {
    let image = try TaggedImage(file: Self.file("RGB", width: width, height: height)).image
    #expect(image.width == width)
    #expect(image.height == height)
  }

  @Test("a size above the limit is refused before its pixels are taken")
  func tooLarge() throws {
    var file = try Self.file("L")
    // The frame header: marker, length, precision, height, width.
    let place = try #require(
      file.indices.first { file[$0...].starts(with: [0xFF, 0xC0, 0x00, 0x0B, 0x08]) })
    file.replaceSubrange((place + 5)..<(place + 9), with: [0xFF, 0xDC, 0xFF, 0xDC])
    let error = try #require(throws: SpectrogramError.self) { try TaggedImage(file: file) }
    #expect(error.kind == .tooLarge)
    #expect(error.message.contains("65500 × 65500"))
    // No size at all.
    file.replaceSubrange((place + 5)..<(place + 9), with: [0, 0, 0, 0])
    #expect(throws: SpectrogramError.self) { try TaggedImage(file: file) }
  }

  @Test("a file that ends early is damaged, wherever", arguments: ["", ", progressive=True"])
  func truncated(options: String) throws {
    let whole = try Self.file("RGB", options)
    // The last two bytes are the mark of the end.
    for length in stride(from: 0, to: whole.count - 2, by: 7) {
      let error = try #require(throws: SpectrogramError.self) {
        try TaggedImage(file: Array(whole.prefix(length)))
      }
      #expect(error.kind == .invalidPicture)
    }
  }

  @Test("any byte changed: a picture or an error", arguments: ["", ", progressive=True"])
  func changedBytes(options: String) throws {
    let whole = try Self.file("RGB", options)
    var refused = 0
    for place in whole.indices {
      for value: UInt8 in [0, 0x55, 0xFF] {
        var bytes = whole
        bytes[place] ^= value
        do { _ = try SpectrogramPicture(file: bytes) } catch { refused += 1 }
      }
    }
    #expect(refused > 0)
  }

  @Test("a progressive file of endless scans is refused")
  func scans() throws {
    let whole = try Self.file("L", ", progressive=True")
    // Its last scan, again and again.
    let last = try #require(
      whole.indices.last { whole[$0...].starts(with: [0xFF, 0xDA]) })
    let scan = Array(whole[last..<(whole.count - 2)])
    var file = Array(whole.dropLast(2))
    for _ in 0..<2_000 { file += scan }
    file += [0xFF, 0xD9]
    #expect(throws: SpectrogramError.self) { try TaggedImage(file: file) }
  }

  @Test(
    "pictures of other kinds are named",
    arguments: [
      ("GIF", "GIF"), ("WEBP", "WebP"), ("BMP", "BMP"), ("TIFF", "TIFF"),
    ])
  func others(format: String, name: String) throws {
    let bytes = try withTemporaryFile("picture", []) { path in
      _ = try witness([
        "/usr/bin/python3", "-c",
        """
        import sys
        from PIL import Image
        Image.new("RGB", (8, 8)).save(sys.argv[1], format="\(format)")
        """, path,
      ])
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }
    let error = try #require(throws: SpectrogramError.self) { try TaggedImage(file: bytes) }
    #expect(error.kind == .invalidPicture)
    #expect(error.message.contains(name))
    #expect(PictureFormat(detecting: bytes).isPicture)
  }
}
