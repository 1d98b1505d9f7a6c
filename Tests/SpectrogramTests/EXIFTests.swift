import Foundation
import Spectrogram
import Testing

@Suite("EXIF")
struct EXIFTests {
  static let tags = [
    11_000, 11_005, 11_010, 11_020, 11_030, 11_040, 11_050, 11_060, 11_070, 11_080,
  ]

  @Test("ours is byte for byte what Pillow wrote", arguments: ["tones.png", "stereo.png"])
  func equalsPillows(name: String) throws {
    let picture = try PNGCodec.decode(Fixture.bytes(name))
    let bytes = try #require(picture.exif)
    let exif = try #require(try SpectrogramEXIF.read(bytes))
    #expect(exif.bytes == bytes)
  }

  @Test("Pillow reads the numbers that we write")
  func pillowReads() throws {
    let parameters = SpectrogramParameters(
      sampleRate: 96_000, stereo: true, stepMilliseconds: 7, windowMilliseconds: 70,
      paddedMilliseconds: 210, melBins: 3, minFrequency: 41, maxFrequency: 12_345, power: 0.3)
    let image = RasterImage(width: 2, height: 3, pixels: Array(0..<18))
    let picture = try SpectrogramPicture(image: image, parameters: parameters, maximum: 1.5e7 / 7)
    let printed = try withTemporaryFile("png", picture.png()) { path in
      try witness([
        "/usr/bin/python3", "-c",
        """
        import sys
        from PIL import Image
        image = Image.open(sys.argv[1])
        exif = image.getexif()
        print(*[repr(float(exif[tag])) for tag in \(Self.tags)])
        print(image.mode, *image.tobytes())
        """, path,
      ])
    }
    let lines = printed.split(separator: "\n")
    #expect(
      lines[0].split(separator: " ").map { Double($0) } == [
        96_000, 1, 7, 70, 210, 3, 41, 12_345, 0.3, 1.5e7 / 7,
      ])
    #expect(lines[1] == "RGB " + (0..<18).map(String.init).joined(separator: " "))
  }

  /// Writes a directory of one value a tag, in the given byte order.
  static func directory(
    bigEndian: Bool, _ entries: [(tag: Int, type: Int, count: Int, value: [UInt8])]
  ) -> [UInt8] {
    func number(_ value: Int, _ count: Int) -> [UInt8] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      return bigEndian ? bytes.reversed() : bytes
    }
    var bytes: [UInt8] = bigEndian ? [0x4D, 0x4D] : [0x49, 0x49]
    bytes += number(42, 2) + number(8, 4) + number(entries.count, 2)
    var heap: [UInt8] = []
    for entry in entries {
      bytes += number(entry.tag, 2) + number(entry.type, 2) + number(entry.count, 4)
      if entry.value.count <= 4 {
        bytes += entry.value + [UInt8](repeating: 0, count: 4 - entry.value.count)
      } else {
        bytes += number(8 + 2 + 12 * entries.count + 4 + heap.count, 4)
        heap += entry.value
      }
    }
    return bytes + number(0, 4) + heap
  }

  /// `value` as one number of a TIFF type.
  static func encoded(_ value: Double, type: Int, bigEndian: Bool) -> [UInt8] {
    func order(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: bigEndian ? value.bigEndian : value.littleEndian) { Array($0) }
    }
    switch type {
    case 1, 6: return [UInt8(value)]
    case 3, 8: return order(UInt16(value))
    case 4, 9, 13: return order(UInt32(value))
    case 5, 10: return order(UInt32(value * 4)) + order(UInt32(4))
    case 11: return order(Float(value).bitPattern)
    case 12: return order(value.bitPattern)
    default: return order(UInt64(value))
    }
  }

  @Test(
    "every numeric type in either byte order",
    arguments: [1, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 16, 17], [true, false])
  func types(type: Int, bigEndian: Bool) throws {
    let bytes = Self.directory(
      bigEndian: bigEndian,
      [
        (11_010, type, 1, Self.encoded(12, type: type, bigEndian: bigEndian)),
        (11_020, type, 1, Self.encoded(96, type: type, bigEndian: bigEndian)),
      ])
    let exif = try #require(try SpectrogramEXIF.read(bytes))
    #expect(exif.parameters == SpectrogramParameters(stepMilliseconds: 12, windowMilliseconds: 96))
    #expect(exif.maximum == SpectrogramParameters.defaultMaximum)
  }

  @Test("signed numbers keep their sign", arguments: [6, 8, 9, 10, 17], [true, false])
  func signed(type: Int, bigEndian: Bool) throws {
    let size = [6: 1, 8: 2, 9: 4, 17: 8][type]
    var value = [UInt8](repeating: 0xFF, count: size ?? 4)
    if type == 10 { value += Self.encoded(1, type: 4, bigEndian: bigEndian) }
    let bytes = Self.directory(bigEndian: bigEndian, [(11_050, type, 1, value)])
    let error = try #require(throws: SpectrogramError.self) { try SpectrogramEXIF.read(bytes) }
    #expect(error.field == "min_frequency")
    #expect(error.message.hasSuffix("not -1"))
  }

  @Test("none of riffusion's tags: no parameters")
  func foreign() throws {
    let bytes = Self.directory(bigEndian: true, [(274, 3, 1, [0, 1])])
    #expect(try SpectrogramEXIF.read(bytes) == nil)
  }

  @Test(
    "hostile values name their tag",
    arguments: [
      ("STEP_SIZE_MS", 11_010, 5, 1, [0, 0, 0, 10, 0, 0, 0, 0]),
      ("STEP_SIZE_MS", 11_010, 10, 1, [0, 0, 0, 0, 0, 0, 0, 0]),
      ("STEP_SIZE_MS", 11_010, 12, 1, [0x40, 0x24, 0x80, 0, 0, 0, 0, 0]),
      ("step_ms", 11_010, 3, 1, [0, 0]),
      ("MAX_VALUE", 11_080, 12, 1, [0x7F, 0xF8, 0, 0, 0, 0, 0, 0]),
      ("MAX_VALUE", 11_080, 11, 1, [0x7F, 0x80, 0, 0]),
      ("MAX_VALUE", 11_080, 12, 1, [0xC0, 0, 0, 0, 0, 0, 0, 0]),
      ("MAX_VALUE", 11_080, 12, 1, [0x7F, 0xEF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
      ("POWER_FOR_IMAGE", 11_070, 12, 0, [0x3F, 0xD0, 0, 0, 0, 0, 0, 0]),
      ("POWER_FOR_IMAGE", 11_070, 12, 0xFFFF_FFFF, [0x3F, 0xD0, 0, 0, 0, 0, 0, 0]),
      ("POWER_FOR_IMAGE", 11_070, 2, 1, [0x30]),
      ("POWER_FOR_IMAGE", 11_070, 999, 1, [0x30]),
      ("SAMPLE_RATE", 11_000, 16, 1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
      ("sample_rate", 11_000, 4, 1, [0xFF, 0xFF, 0xFF, 0xFF]),
      ("NUM_FREQUENCIES", 11_040, 12, 1, [0x7F, 0xF0, 0, 0, 0, 0, 0, 0]),
    ] as [(String, Int, Int, Int, [UInt8])])
  func hostileValues(field: String, tag: Int, type: Int, count: Int, value: [UInt8]) throws {
    let bytes = Self.directory(bigEndian: true, [(tag, type, count, value)])
    let error = try #require(throws: SpectrogramError.self) { try SpectrogramEXIF.read(bytes) }
    #expect(error.field == field)
  }

  @Test("offsets out of the data, loops and cut-off directories are errors, never crashes")
  func hostileStructure() throws {
    let whole = SpectrogramEXIF(parameters: SpectrogramParameters()).bytes
    for length in 0..<whole.count {
      #expect(throws: SpectrogramError.self) {
        try SpectrogramEXIF.read(Array(whole.prefix(length)))
      }
    }
    // A next directory that is this one again, and any other: it is never followed.
    var looped = whole
    looped.replaceSubrange(130..<134, with: [0, 0, 0, 8])
    #expect(try SpectrogramEXIF.read(looped)?.parameters == SpectrogramParameters())
    // A directory that lies on the header, and one far outside.
    for start: [UInt8] in [[0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF]] {
      var bytes = whole
      bytes.replaceSubrange(4..<8, with: start)
      #expect(throws: SpectrogramError.self) { try SpectrogramEXIF.read(bytes) }
    }
    // A value far outside.
    var bytes = Self.directory(bigEndian: true, [(11_080, 12, 1, [UInt8](repeating: 0, count: 8))])
    bytes.replaceSubrange(18..<22, with: [0xFF, 0xFF, 0xFF, 0xF0])
    let error = try #require(throws: SpectrogramError.self) { try SpectrogramEXIF.read(bytes) }
    #expect(error.field == "MAX_VALUE")
  }

  @Test("any byte changed: numbers or an error")
  func changedBytes() throws {
    let whole = SpectrogramEXIF(parameters: SpectrogramParameters()).bytes
    var (read, refused) = (0, 0)
    for place in whole.indices {
      for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
        var bytes = whole
        bytes[place] = value
        do {
          _ = try SpectrogramEXIF.read(bytes)
          read += 1
        } catch {
          refused += 1
        }
      }
    }
    #expect(read > 0 && refused > 0)
  }
}
