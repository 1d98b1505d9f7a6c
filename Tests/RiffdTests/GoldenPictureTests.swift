import Foundation
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// The bundled model's picture held against diffusers' own for the same weights, prompt and seed
  /// (Fixtures/make_golden_picture.py).
  @Suite struct GoldenPictureTests {
    private static let golden = Checkout.root + "/Tests/RiffdTests/Fixtures/golden.png"

    @Test func thePictureIsDiffusers() async throws {
      let daemon = try await RunningDaemon()
      let request = Riff_V1_GenerateRequest.with {
        $0.prompt = "church bells on sunday"
        $0.seed = 1
        $0.output = .none
      }
      let events = try await daemon.client { try await $0.events(request) }
      // The linear autoencoder decodes in one piece: there is nothing to count.
      let decoding = events.map(\.progress).filter { $0.stage == .decoding }
      #expect(!decoding.isEmpty && decoding.allSatisfy { $0.steps == 0 && $0.step == 0 })
      let picture = try #require(events.first { !$0.spectrogram.isEmpty }).spectrogram
      let file = daemon.folder.file("picture.png")
      try picture.write(to: URL(filePath: file))
      let compared = try await Program.run(
        "/usr/bin/python3", ["-c", Self.comparison, file, Self.golden])
      let text = String(decoding: compared.output, as: UTF8.self)
      let figures = text.split(separator: " ").compactMap { Double($0.trimmingPrefix(" ")) }
      try #require(figures.count == 3, "\(text) \(compared.errors)")
      // Grey levels: the largest difference, the share of pixels with any, and between the channels.
      #expect(figures[0] <= 1, "\(text)")
      #expect(figures[1] < 0.01, "\(text)")
      #expect(figures[2] == 0, "\(text)")
    }

    private static let comparison = """
      import sys
      from PIL import Image, ImageChops
      ours, golden = (Image.open(path) for path in sys.argv[1:3])
      red, green, blue = ours.convert("RGB").split()
      counts = ImageChops.difference(red, golden.convert("L")).histogram()
      most = max(level for level, count in enumerate(counts) if count)
      apart = max(ImageChops.difference(red, other).getextrema()[1] for other in (green, blue))
      print(most, 1 - counts[0] / sum(counts), apart, end="")
      """
  }
}
