import Cores
import Spectrogram
import Testing

@Suite("Sounds that are recovered together are those that are recovered alone")
struct RecoveryTogetherTests {
  /// Pictures of unequal lengths, whose columns differ.
  private static func picture(_ number: Int, stereo: Bool = false) throws -> SpectrogramPicture {
    var parameters = SpectrogramParameters()
    parameters.stereo = stereo
    parameters.melBins = 64
    let (width, height) = (150 + 40 * number, parameters.melBins)
    let pixels = (0..<3 * width * height).map { UInt8(($0 / 3 * (7 + number) + $0 % 5) % 256) }
    return try SpectrogramPicture(
      image: RasterImage(width: width, height: height, pixels: pixels), parameters: parameters,
      maximum: 1e6)
  }

  private static func stream(
    _ picture: SpectrogramPicture, _ pool: ComputePool
  ) throws -> PhaseRecoveryStream {
    try PhaseRecoveryStream(
      picture, parameters: picture.parameters, quality: .draft, seed: 0, pool: pool)
  }

  private static func bits(_ samples: [[Float]]?) -> [[UInt32]]? {
    samples?.map { $0.map(\.bitPattern) }
  }

  @Test(arguments: [1, 2, 3], [false, true])
  func theSameBits(threads: Int, stereo: Bool) throws {
    let pool = try ComputePool(threads: threads)
    let pictures = try (0..<3).map { try Self.picture($0, stereo: stereo) }
    let alone = try pictures.map { try Self.stream($0, pool) }
    let together = try pictures.map { try Self.stream($0, pool) }
    #expect(together[0].fits(together[1]))
    // All blocks, and past the ends, which the streams come to after one another.
    for _ in 0..<4 {
      let expected = try alone.map { Self.bits(try $0.next()) }
      let got = try PhaseRecoveryStream.next(of: together) {}.map(Self.bits)
      #expect(got == expected)
    }
    #expect(together.map(\.framesDone) == pictures.map(\.frames))
  }
}
