import Foundation
import Spectrogram
import Testing

@Suite("PNG before Pillow")
struct PNGWitnessTests {
  /// Pillow's RGB pixels of a file. Of 16-bit grey, which its own conversion would clip, the
  /// samples are taken and rounded.
  private static let script = """
    import sys
    from PIL import Image
    for path in sys.argv[1:]:
        image = Image.open(path)
        if image.mode in ("I", "I;16", "I;16B"):
            print(*[(v * 255 + 32767) // 65535 for v in image.getdata() for _ in range(3)])
        else:
            print(*image.convert("RGB").tobytes())
    """

  @Test("every colour type, depth and interlacing: what Pillow sees")
  func variants() throws {
    let paths = PNGTests.variants.map {
      Fixture.folder.appending(path: "variants/\($0).png").path
    }
    let lines = try witness(["/usr/bin/python3", "-c", Self.script] + paths).split(separator: "\n")
    try #require(lines.count == PNGTests.variants.count)
    for (name, line) in zip(PNGTests.variants, lines) {
      let theirs = line.split(separator: " ").compactMap { Int($0) }
      let ours = try PNGCodec.decode(Fixture.bytes("variants/\(name).png")).image.pixels
      try #require(theirs.count == ours.count, "\(name)")
      // Pillow cuts 16 bits of colour to 8, we round.
      let slack = name.contains("16") ? 1 : 0
      #expect(zip(ours, theirs).allSatisfy { abs(Int($0) - $1) <= slack }, "\(name)")
    }
  }

  @Test("Pillow sees the pixels that we write, stereo too", arguments: [false, true])
  func written(stereo: Bool) throws {
    let parameters = SpectrogramParameters(stereo: stereo, melBins: 64)
    let sound = SyntheticSound.music(count: 44_100, rate: 44_100)
    let mel = try SpectrogramAnalyzer(parameters).analyze([sound, sound.reversed()])
    let picture = try SpectrogramPicture(mel, parameters: parameters)
    let text = try withTemporaryFile("png", picture.png()) { path in
      try witness(["/usr/bin/python3", "-c", Self.script, path])
    }
    #expect(text.split(separator: " ").compactMap { UInt8($0) } == picture.image.pixels)
    let reds = Set(
      stride(from: 0, to: picture.image.pixels.count, by: 3).map {
        picture.image.pixels[$0]
      })
    #expect((reds == [0]) == stereo)
  }

  @Test("pictures of one pixel, and of 100,000 columns, are pictures", arguments: [1, 100_000])
  func extremes(width: Int) throws {
    let image = RasterImage(
      width: width, height: 1, pixels: [UInt8](repeating: 128, count: width * 3))
    let file = try PNGCodec.encode(TaggedImage(image: image))
    let picture = try SpectrogramPicture(file: file)
    #expect(picture.image == image)
    let stream = try PhaseRecoveryStream(picture, effort: RecoveryEffort(rounds: 1))
    let first = try #require(try stream.next())
    #expect(stream.sampleCount == width * stream.sampleRate / 100)
    #expect(first[0].allSatisfy { $0.isFinite })
  }

  @Test("a bomb is refused before it is unpacked: what it claims is counted, not what it holds")
  func bomb() throws {
    // Ten thousand times smaller than what it would unpack to, if it were let.
    let file = PNGTests.claiming(100_000, 4_000)
    let error = try #require(throws: SpectrogramError.self) { try TaggedImage(file: file) }
    #expect(error.kind == .tooLarge)
    #expect(error.message.contains("100000 × 4000"))
  }

  @Test("EXIF in a compressed text chunk, or too large to be taken, harms nothing")
  func chunks() throws {
    let plain = try PNGCodec.encode(
      TaggedImage(image: RasterImage(width: 1, height: 1, pixels: [9, 9, 9])))
    let huge = PNGTests.chunk("eXIf", [0x4D, 0x4D, 0, 42] + [UInt8](repeating: 0, count: 2 << 20))
    let text = PNGTests.chunk("zTXt", Array("Comment\0\0".utf8) + [UInt8](repeating: 7, count: 99))
    for extra in [huge, text] {
      let file = Array(plain.prefix(33)) + extra + plain.dropFirst(33)
      do {
        #expect(try TaggedImage(file: file).image.pixels == [9, 9, 9])
      } catch {
        #expect(error.kind == .invalidPicture)
      }
    }
  }
}
