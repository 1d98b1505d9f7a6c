import Diffusion
import Testing

/// Pictures whose steps are not all made alike.
@Suite("Steps without guidance, and without the deep layers")
struct StepKindTests {
  /// What the fixtures were made with.
  struct Case: Sendable, CustomStringConvertible {
    let model: String
    var scale = 5.0
    var start = 0.0
    var stop = 1.0
    var deep = 1

    var description: String { "\(model)/\(scale)/\(start)/\(stop)/\(deep)" }
  }

  static let cases = [
    Case(model: "sd1", start: 0.2, stop: 0.8), Case(model: "sd1", stop: 0.55),
    Case(model: "sd1", start: 0.35), Case(model: "sd2", start: 0.25, stop: 0.75),
    Case(model: "sd1-f16", start: 0.3, stop: 0.7), Case(model: "sd1", deep: 2),
    Case(model: "sd1", scale: 1, deep: 2), Case(model: "sd1", start: 0.3, stop: 0.7, deep: 4),
    Case(model: "sd2", deep: 3), Case(model: "sd1-f16", deep: 2),
  ]

  private let request: DiffusionRequest = {
    DiffusionRequest(
      prompt: "funk bassline with a jazzy saxophone solo", negativePrompt: "violin solo", seed: 99,
      steps: 10, guidanceScale: 5, width: 32, height: 24)
  }()

  /// diffusers' guider says where guidance begins and ends; its U-Net has its deep layers' features put back.
  @Test(arguments: cases)
  func picturesAsDiffusersMakesThem(test: Case) throws {
    let model = try Fixture.model(test.model)
    var request = request
    (request.width, request.height) = (
      16 * model.info.widthMultiple, 12 * model.info.heightMultiple
    )
    request.guidanceScale = test.scale
    request.deepCacheInterval = test.deep
    request.guidanceInterval = GuidanceInterval(start: test.start, stop: test.stop)
    let picture = try model.picture(request) { _ in }
    let expected = try Fixture.tensor("step-kinds.safetensors", "\(test)")
    #expect(Fixture.relativeError(picture, expected.values) < 1e-3)
    // It is heeded.
    request.guidanceInterval = .whole
    request.deepCacheInterval = 1
    let whole = try model.picture(request) { _ in }
    #expect(Fixture.relativeError(whole, expected.values) > 1e-2)
  }

  /// Of two steps none lies between a tenth and four tenths.
  @Test func anIntervalWithoutAStep() throws {
    let model = try Fixture.model("sd1")
    var request = request
    request.steps = 2
    request.guidanceInterval = GuidanceInterval(start: 0.1, stop: 0.4)
    let never = try model.picture(request) { _ in }
    request.guidanceInterval = .whole
    request.guidanceScale = 1
    let plain = try model.picture(request) { _ in }
    #expect(Fixture.relativeError(never, plain) < 1e-4)
  }

  @Test func stepsOfWhichThereIsGuidance() throws {
    let model = try Fixture.model("sd1")
    var request = request
    request.scheduler = .ddim
    func guided(_ start: Double, _ stop: Double) throws -> [Int] {
      request.guidanceInterval = GuidanceInterval(start: start, stop: stop)
      let kinds = try model.model.begin(request).stepKinds
      #expect(kinds.count == 10)
      return kinds.indices.filter { kinds[$0].isGuided }
    }
    #expect(try guided(0, 1) == Array(0..<10))
    #expect(try guided(0.29, 0.61) == [2, 3, 4, 5])
    #expect(try guided(0.5, 0.55) == [])
    request.guidanceScale = 1
    #expect(try guided(0, 1) == [])
  }

  @Test func stepsThatRunTheDeepLayers() throws {
    let model = try Fixture.model("sd1")
    var request = request
    request.scheduler = .ddim
    func deep(_ interval: Int, _ start: Double, _ stop: Double) throws -> [Int] {
      request.deepCacheInterval = interval
      request.guidanceInterval = GuidanceInterval(start: start, stop: stop)
      let kinds = try model.model.begin(request).stepKinds
      return kinds.indices.filter { !kinds[$0].isShallow }
    }
    #expect(try deep(1, 0, 1) == Array(0..<10))
    #expect(try deep(3, 0, 1) == [0, 3, 6, 9])
    #expect(try deep(100, 0, 1) == [0])
    // Where guidance begins there is nothing yet for the negative prompt.
    #expect(try deep(4, 0.3, 0.7) == [0, 3, 4, 8])
    #expect(try deep(4, 0, 0.3) == [0, 4, 8])
    request.guidanceScale = 1
    #expect(try deep(4, 0.3, 0.7) == [0, 4, 8])
  }

  @Test(arguments: [0, -1, 101, Int.max])
  func intervalsRefused(interval: Int) throws {
    var request = request
    request.deepCacheInterval = interval
    let model = try Fixture.model("sd1", threads: 1)
    let error = try #require(throws: DiffusionError.self) {
      try model.generate(request) { _ in Issue.record("work began") }
    }
    #expect(error.kind == .invalidArgument(field: "deep_cache_interval"), "\(error)")
  }

  @Test(
    arguments: [
      ("guidance_start", -0.1, 1), ("guidance_start", .nan, 1), ("guidance_start", 1.5, 2),
      ("guidance_stop", 0, 1.1), ("guidance_stop", 0.5, 0.5), ("guidance_stop", 0.5, 0.2),
      ("guidance_stop", 0, .nan),
    ] as [(String, Double, Double)])
  func refused(field: String, start: Double, stop: Double) throws {
    var request = request
    request.guidanceInterval = GuidanceInterval(start: start, stop: stop)
    let model = try Fixture.model("sd1", threads: 1)
    let error = try #require(throws: DiffusionError.self) {
      try model.generate(request) { _ in Issue.record("work began") }
    }
    #expect(error.kind == .invalidArgument(field: field), "\(error)")
  }
}
