import Diffusion
import Foundation
import Testing

/// Pictures painted over, against riffusion's way made of diffusers' parts, and resized ones, against
/// Pillow (make_img2img_fixtures.py).
@Suite("Image to image equals riffusion")
struct ImageToImageTests {
  struct Case: Decodable, CustomStringConvertible {
    let model: String
    let source: String
    let scheduler: String
    let steps: Int
    let strength: Double
    let eta: Double
    let guidance: Double
    let seed: UInt64

    var description: String { "\(model) \(scheduler) \(steps) × \(strength), η \(eta)" }
  }

  /// How many cases img2img.json holds.
  static let count = 14

  private static func testCase(_ index: Int) throws -> Case {
    let cases = try JSONDecoder().decode(
      [Case].self, from: Data(contentsOf: URL(filePath: Fixture.path("img2img.json"))))
    try #require(cases.count == count)
    return cases[index]
  }

  private static func image(_ name: String) throws -> RasterImage {
    let tensor = try Fixture.tensor("img2img.safetensors", name)
    return RasterImage(
      width: tensor.shape[1], height: tensor.shape[0], pixels: tensor.values.map { UInt8($0) })
  }

  private static func request(_ index: Int) throws -> DiffusionRequest {
    let test = try testCase(index)
    return DiffusionRequest(
      prompt: "funk bassline with a jazzy saxophone solo", negativePrompt: "violin solo",
      seed: test.seed, steps: test.steps, guidanceScale: test.guidance,
      scheduler: SchedulerName(rawValue: test.scheduler), eta: test.eta, width: 32,
      height: 32,
      initial: InitialPicture(image: try image("source/\(test.source)"), strength: test.strength))
  }

  @Test(arguments: 0..<count)
  func thePictureIsPaintedOver(index: Int) throws {
    let test = try Self.testCase(index)
    let picture = try Fixture.model(test.model).picture(Self.request(index)) { _ in }
    let expected = try Fixture.tensor("img2img.safetensors", "result/\(index)")
    let error = Fixture.relativeError(picture, expected.values)
    #expect(error < 1e-3, "\(test): \(error)")
  }

  @Test(arguments: [
    ("wide", 32, 32), ("wide", 150, 41), ("small", 10, 7), ("own", 1, 1), ("own", 33, 97),
  ])
  func resizingEqualsPillow(source: String, width: Int, height: Int) throws {
    let resized = try Self.image("source/\(source)").resized(width: width, height: height)
    #expect(resized == (try Self.image("resized/\(source)/\(width)x\(height)")))
  }

  @Test func everyStepThatIsLeftIsReported() throws {
    var seen: [DiffusionProgress] = []
    _ = try Fixture.model("sd1").picture(Self.request(0)) { seen.append($0) }
    #expect(seen.first?.stage == .encoding)
    // Ten steps at half strength.
    #expect(seen.filter { $0.stage == .denoising }.map(\.step) == Array(0...5))
    #expect(seen.allSatisfy { $0.stage != .denoising || $0.steps == 5 })
    #expect(seen.last?.stage == .decoding)
  }

  @Test func encodingCanBeCancelled() throws {
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try Fixture.model("sd1").picture(Self.request(0)) { progress in
        if progress.stage == .encoding, progress.step == 1 { throw Stop() }
        #expect(progress.stage == .encoding)
      }
    }
  }

  @Test(arguments: [-0.1, 1.1, .nan, .infinity])
  func aStrengthOutsideItsRangeIsRefused(strength: Double) throws {
    var request = try Self.request(0)
    request.initial?.strength = strength
    let error = #expect(throws: DiffusionError.self) {
      try Fixture.model("sd1").picture(request) { _ in }
    }
    #expect(error?.kind == .invalidArgument(field: "strength"))
  }
}
