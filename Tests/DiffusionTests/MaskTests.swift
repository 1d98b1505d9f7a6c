import Diffusion
import Foundation
import Testing

/// Pictures painted over under masks and between two prompts, against riffusion's way and diffusers'
/// inpainting pipeline (make_mask_fixtures.py).
@Suite("Masks, morphs and inpainting models equal riffusion and diffusers")
struct MaskTests {
  struct Case: Decodable, CustomStringConvertible {
    let kind: String
    let model: String
    let picture: String
    let mask: String?
    let scheduler: String
    let steps: Int
    let strength: Double
    let guidance: Double
    let seed: UInt64
    let seedTo: UInt64
    let alpha: Double

    var description: String {
      "\(kind) \(model) \(picture) under \(mask ?? "no mask"), \(scheduler) \(steps) × \(strength), "
        + "α \(alpha)"
    }
  }

  /// How many cases masks.json holds.
  static let count = 22

  private static func testCase(_ index: Int) throws -> Case {
    let cases = try JSONDecoder().decode(
      [Case].self, from: Data(contentsOf: URL(filePath: Fixture.path("masks.json"))))
    try #require(cases.count == count)
    return cases[index]
  }

  static func image(_ name: String) throws -> RasterImage {
    let tensor = try Fixture.tensor("masks.safetensors", "image/\(name)")
    return RasterImage(
      width: tensor.shape[1], height: tensor.shape[0], pixels: tensor.values.map { UInt8($0) })
  }

  private static func request(_ test: Case) throws -> DiffusionRequest {
    var request = DiffusionRequest(
      prompt: "funk bassline with a jazzy saxophone solo", negativePrompt: "violin solo",
      seed: test.seed, steps: test.steps, guidanceScale: test.guidance,
      scheduler: SchedulerName(rawValue: test.scheduler), width: 32, height: 32,
      initial: InitialPicture(image: try image(test.picture), strength: test.strength))
    if let mask = test.mask {
      request.mask = KeepMask(
        try image(mask), noising: test.kind == "riffuse" ? .takenStep : .nextStep)
    }
    if test.alpha > 0 {
      request.blend = [PromptShare("church bells ringing at noon", share: test.alpha)]
      request.drift = NoiseDrift(to: test.seedTo, share: test.alpha)
    }
    return request
  }

  /// Runs `body` with a fixture's model; the inpainting ones are another's with a U-Net of their own.
  private static func withModel(_ name: String, _ body: (SoloModel) throws -> Void) throws {
    let bases = ["inpaint": "sd1", "inpaint-patch": "linear-patch"]
    guard let base = bases[name] else { return try body(Fixture.model(name)) }
    try Fixture.withCopy(of: base) { directory in
      try FileManager.default.removeItem(atPath: "\(directory)/unet")
      try FileManager.default.copyItem(
        atPath: Fixture.path("\(name)/unet"), toPath: "\(directory)/unet")
      try body(SoloModel(directory: directory, threads: 2))
    }
  }

  @Test(arguments: 0..<count)
  func thePictureIsPaintedOver(index: Int) throws {
    let test = try Self.testCase(index)
    try Self.withModel(test.model) { model in
      let picture = try model.picture(Self.request(test)) { _ in }
      let expected = try Fixture.tensor("masks.safetensors", "result/\(index)")
      let error = Fixture.relativeError(picture, expected.values)
      #expect(error < 1e-3, "\(test): \(error)")
    }
  }

  @Test("an inpainting model without a picture paints everything, from noise")
  func generate() throws {
    try Self.withModel("inpaint") { model in
      #expect(model.info.takesMask)
      var request = DiffusionRequest(
        prompt: "church bells", seed: 3, steps: 3, width: 32, height: 32)
      let picture = try model.picture(request) { _ in }
      // Neither strength 1 nor what would be painted over makes a difference.
      request.initial = InitialPicture(image: try Self.image("own"), strength: 1)
      #expect(try model.picture(request) { _ in } == picture)
      request.seed = 4
      #expect(try model.picture(request) { _ in } != picture)
    }
  }

  @Test("what a black mask keeps comes back as the autoencoder has it, whatever the prompt")
  func black() throws {
    let model = try Fixture.model("sd1")
    var request = DiffusionRequest(
      prompt: "church bells", seed: 3, steps: 4, width: 32, height: 32,
      initial: InitialPicture(image: try Self.image("own"), strength: 0))
    let unchanged = try model.picture(request) { _ in }
    request.initial?.strength = 0.8
    request.mask = KeepMask(width: 1, height: 1, levels: [0])
    let kept = try model.picture(request) { _ in }
    #expect(Fixture.relativeError(kept, unchanged) < 1e-5)
    request.mask = KeepMask(width: 1, height: 1, levels: [255])
    #expect(Fixture.relativeError(try model.picture(request) { _ in }, unchanged) > 0.05)
  }

  @Test("all of another prompt is that prompt; a share of 0 changes nothing")
  func blendEnds() throws {
    let model = try Fixture.model("sd1")
    var request = DiffusionRequest(prompt: "church bells", seed: 3, steps: 3, width: 32, height: 32)
    let bells = try model.picture(request) { _ in }
    request.blend = [PromptShare("techno", share: 0), PromptShare("violin solo", share: 0)]
    request.drift = NoiseDrift(to: 9, share: 0)
    #expect(try model.picture(request) { _ in } == bells)
    request.blend[1].share = 1
    request.drift?.share = 1
    let end = try model.picture(request) { _ in }
    let other = DiffusionRequest(prompt: "violin solo", seed: 9, steps: 3, width: 32, height: 32)
    #expect(Fixture.relativeError(end, try model.picture(other) { _ in }) < 1e-4)
  }

  @Test("what cannot be is refused by the name of its field")
  func refused() throws {
    let model = try Fixture.model("sd1")
    let plain = DiffusionRequest(prompt: "church bells", seed: 3, steps: 3, width: 32, height: 32)
    func field(_ change: (inout DiffusionRequest) throws -> Void) throws -> DiffusionError.Kind? {
      var request = plain
      try change(&request)
      return #expect(throws: DiffusionError.self) { try model.picture(request) { _ in } }?.kind
    }
    let image = try Self.image("own")
    let mask = KeepMask(width: 1, height: 1, levels: [0])
    #expect(try field { $0.mask = mask } == .invalidArgument(field: "mask"))
    #expect(
      try field {
        $0.initial = InitialPicture(image: image, strength: 0.5)
        $0.mask = KeepMask(width: 0, height: 1, levels: [])
      } == .invalidArgument(field: "mask"))
    for shares in [[1.1], [-0.1], [.nan], [0.6, 0.6]] {
      #expect(
        try field { $0.blend = shares.map { PromptShare("x", share: $0) } }
          == .invalidArgument(field: "prompt"))
    }
    #expect(
      try field { $0.blend = Array(repeating: PromptShare("x", share: 0), count: 33) }
        == .invalidArgument(field: "prompt"))
    #expect(
      try field { $0.blend = [PromptShare(String(repeating: "x", count: 10_001), share: 0.5)] }
        == .invalidArgument(field: "prompt"))
    for share in [-0.1, 1.1, .nan] {
      #expect(
        try field { $0.drift = NoiseDrift(to: 1, share: share) } == .invalidArgument(field: "seed"))
    }
  }
}
