import Foundation
import Spectrogram
import Testing

@Suite("PNG")
struct PNGTests {
  /// See make_fixtures.py.
  static let variants: [String] = [
    ("grey", [1, 2, 4, 8, 16]), ("rgb", [8, 16]), ("palette", [1, 2, 4, 8]),
    ("grey-alpha", [8, 16]), ("rgba", [8, 16]),
  ].flatMap { (colour: String, depths: [Int]) in
    depths.flatMap { ["\(colour)-\($0)", "\(colour)-\($0)-interlaced"] }
  }

  @Test("every colour type, depth and interlacing", arguments: variants)
  func variant(name: String) throws {
    let image = try PNGCodec.decode(Fixture.bytes("variants/\(name).png")).image
    try #require(image.width == 13 && image.height == 11)
    let depth = try #require(Int(name.split(separator: "-").last { Int($0) != nil } ?? ""))
    for y in 0..<11 {
      for x in 0..<13 {
        let expected = (0..<3).map { component -> UInt8 in
          let channel = name.hasPrefix("rgb") ? component : 0
          let formula = (x * 37 + y * 91 + channel * 53 + x * y * 11) * 257
          let sample = formula % (1 << depth)
          if name.hasPrefix("palette") {
            return UInt8(sample * [7, 13, 29][component] % 256)
          }
          return UInt8((Double(sample) * 255 / Double((1 << depth) - 1)).rounded())
        }
        let place = (y * 13 + x) * 3
        #expect(Array(image.pixels[place..<(place + 3)]) == expected, "\(x), \(y)")
      }
    }
  }

  @Test("what we write reads back, with EXIF and without")
  func roundTrip() throws {
    let image = RasterImage(
      width: 7, height: 5, pixels: (0..<105).map { UInt8($0 * 31 % 256) })
    for exif in [nil, SpectrogramEXIF(parameters: SpectrogramParameters()).bytes] {
      let picture = TaggedImage(image: image, exif: exif)
      #expect(try PNGCodec.decode(PNGCodec.encode(picture)) == picture)
    }
  }

  /// Found by riff-fuzz: libpng took a gigabyte for 1 KB.
  @Test("a chunk that claims more than the file has is refused before memory is taken for it")
  func chunkBeyondTheEnd() throws {
    let image = RasterImage(width: 1, height: 1, pixels: [1, 2, 3])
    let exif = SpectrogramEXIF(parameters: SpectrogramParameters()).bytes
    var file = try PNGCodec.encode(TaggedImage(image: image, exif: exif))
    let name = Array("eXIf".utf8)
    let place = try #require((4..<file.count).first { file[$0...].starts(with: name) })
    file.replaceSubrange((place - 4)..<place, with: [0x3d, 0, 0, 0x66])
    let error = #expect(throws: SpectrogramError.self) { try PNGCodec.decode(file) }
    #expect("\(try #require(error))".contains("the file ends inside a chunk"))
  }

  @Test("a picture without EXIF takes the defaults and says so")
  func noEXIF() throws {
    let picture = try SpectrogramPicture(file: Fixture.bytes("variants/rgb-8.png"))
    #expect(!picture.hasEXIF)
    #expect(picture.parameters == SpectrogramParameters(melBins: 11))
    #expect(picture.maximum == 30e6)
  }

  @Test("mono reads red, stereo green and blue, the highest bin is on top")
  func components() throws {
    // One pixel is black in the top row's red, others in the bottom row's green and blue.
    let pixels: [UInt8] = [0, 255, 255, 255, 255, 255] + [255, 0, 255, 255, 255, 51]
    let image = RasterImage(width: 2, height: 2, pixels: pixels)
    var parameters = SpectrogramParameters()
    let mono = try SpectrogramPicture(image: image, parameters: parameters, maximum: 16)
    #expect(try mono.mel().values == [0, 0, 16, 0])
    parameters.stereo = true
    let stereo = try SpectrogramPicture(image: image, parameters: parameters, maximum: 10_000)
    let values = try stereo.mel().values
    #expect(values.prefix(7) == [10_000, 0, 0, 0, 0, Float(pow(0.8, 4) * 10_000), 0])
    // And back: the red of a stereo picture is empty.
    let again = try SpectrogramPicture(stereo.mel(), parameters: stereo.parameters)
    #expect(stride(from: 0, to: 12, by: 3).allSatisfy { again.image.pixels[$0] == 0 })
    #expect(again.image.pixels[7] == 0)
    #expect(abs(Int(again.image.pixels[11]) - 51) <= 1)
  }

  static func chunk(_ kind: String, _ data: [UInt8]) -> [UInt8] {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in Array(kind.utf8) + data {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return big(UInt32(data.count)) + Array(kind.utf8) + data + big(~crc)
  }

  static func big(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

  /// A PNG that claims a size and holds next to nothing.
  static func claiming(_ width: UInt32, _ height: UInt32) -> [UInt8] {
    [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + chunk("IHDR", big(width) + big(height) + [8, 2, 0, 0, 0])
      + chunk("IDAT", [0x78, 0x9C, 3, 0, 0, 0, 0, 1]) + chunk("IEND", [])
  }

  @Test(
    "sizes that no picture may have",
    arguments: [
      (0x8000_0000, 0x8000_0000), (0x7FFF_FFFF, 0x7FFF_FFFF), (0, 512), (512, 0),
      (200_001, 1), (1, 4_097), (100_000, 4_096), (0xFFFF_FFFF, 1),
    ] as [(UInt32, UInt32)])
  func sizes(width: UInt32, height: UInt32) throws {
    let error = try #require(throws: SpectrogramError.self) {
      try PNGCodec.decode(Self.claiming(width, height))
    }
    #expect(error.kind == .tooLarge || error.kind == .invalidPicture)
    #expect(error.field == "image")
  }

  @Test("what is no PNG, or not a whole one")
  func damaged() throws {
    #expect(throws: SpectrogramError.self) { try PNGCodec.decode([]) }
    #expect(throws: SpectrogramError.self) { try PNGCodec.decode(Array("RIFF....WAVE".utf8)) }
    #expect(throws: SpectrogramError.self) { try PNGCodec.decode(Self.claiming(300, 300)) }
    for name in ["stereo.png", "variants/palette-4-interlaced.png"] {
      let whole = try Fixture.bytes(name)
      for length in stride(from: 0, to: whole.count - 1, by: max(1, whole.count / 400)) {
        #expect(throws: SpectrogramError.self) { try PNGCodec.decode(Array(whole.prefix(length))) }
      }
    }
  }

  @Test("any byte changed: a picture or an error")
  func changedBytes() throws {
    for name in ["variants/palette-4-interlaced.png", "variants/rgba-16.png"] {
      let whole = try Fixture.bytes(name)
      var refused = 0
      for place in whole.indices {
        var bytes = whole
        bytes[place] ^= 0x55
        do { _ = try SpectrogramPicture(file: bytes) } catch { refused += 1 }
      }
      #expect(refused > whole.count / 2)
    }
  }

  @Test("EXIF that is damaged is an error that says so, an eXIf chunk that is none is no EXIF")
  func damagedEXIF() throws {
    let image = RasterImage(width: 1, height: 1, pixels: [0, 0, 0])
    let looped: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 0]
    let file = try PNGCodec.encode(TaggedImage(image: image, exif: looped))
    let error = try #require(throws: SpectrogramError.self) { try SpectrogramPicture(file: file) }
    #expect(error.kind == .invalidEXIF)

    // libpng drops what does not begin with a byte order.
    let plain = try PNGCodec.encode(TaggedImage(image: image))
    let nonsense =
      Array(plain.prefix(33)) + Self.chunk("eXIf", Array("nonsense".utf8)) + plain.dropFirst(33)
    #expect(try SpectrogramPicture(file: nonsense).hasEXIF == false)
  }
}
