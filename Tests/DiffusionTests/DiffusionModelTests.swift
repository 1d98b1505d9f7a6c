import Diffusion
import Testing

@Suite("A model validates, cancels, and repeats itself")
struct DiffusionModelTests {
  private let request = DiffusionRequest(
    prompt: "techno drum beat", seed: 11, steps: 4, width: 32, height: 16)

  @Test func infoComesFromTheConfiguration() throws {
    let info = try Fixture.model("sd1").info
    #expect(info.widthMultiple == 2 && info.heightMultiple == 2)
    #expect(info.defaultWidth == 16 && info.defaultHeight == 16)
    #expect(info.autoencoderClass == "AutoencoderKL")
    #expect(info.latentChannels == 4)
    #expect(info.maximumPromptTokens == 225)
    let patch = try Fixture.model("linear-patch").info
    #expect(patch.widthMultiple == 8 && patch.heightMultiple == 4)
    #expect(patch.defaultWidth == 32 && patch.defaultHeight == 16)
    #expect(patch.autoencoderClass == "LinearPatchAutoencoder")
  }

  private func refused(
    _ field: String, _ change: (inout DiffusionRequest) -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var changed = request
    change(&changed)
    let model = try Fixture.model("sd1", threads: 1)
    let error = try #require(throws: DiffusionError.self, sourceLocation: sourceLocation) {
      try model.generate(changed) { _ in Issue.record("work began") }
    }
    #expect(
      error.kind == .invalidArgument(field: field), "\(error)", sourceLocation: sourceLocation)
  }

  @Test(arguments: [0, -1, 1001, 10_000, Int.max, Int.min])
  func steps(value: Int) throws { try refused("steps") { $0.steps = value } }

  @Test(arguments: [Double.nan, .infinity, -.infinity, -1, 100.5])
  func guidance(value: Double) throws {
    try refused("guidance_scale") { $0.guidanceScale = value }
  }

  @Test(arguments: [0, -2, 31, 1 << 40, Int.max, Int.min])
  func sides(value: Int) throws {
    try refused("width") { $0.width = value }
    try refused("height") { $0.height = value }
  }

  @Test func area() throws {
    try refused("width") {
      $0.width = 16384
      $0.height = 16384
    }
  }

  @Test func prompts() throws {
    try refused("prompt") { $0.prompt = String(repeating: "é", count: 5001) }
    try refused("negative_prompt") { $0.negativePrompt = String(repeating: "x", count: 10_001) }
  }

  @Test(arguments: [0, -1, 100_000])
  func threads(value: Int) throws {
    let error = try #require(throws: DiffusionError.self) {
      try Fixture.model("sd1", threads: value)
    }
    #expect(error.kind == .invalidArgument(field: "threads"))
  }

  @Test func progressCountsStepsAndDecoding() throws {
    var denoising: [Int] = []
    var decoding: [Int] = []
    _ = try Fixture.model("sd1").generate(request) { progress in
      switch progress.stage {
      case .encoding: Issue.record("there is nothing to encode")
      case .denoising:
        #expect(progress.steps == 4 && decoding.isEmpty)
        denoising.append(progress.step)
      case .decoding:
        #expect(progress.step < progress.steps)
        decoding.append(progress.step)
      }
    }
    #expect(denoising == [0, 1, 2, 3, 4])
    #expect(decoding == Array(0..<decoding.count) && !decoding.isEmpty)
  }

  private struct Cancelled: Error {}

  @Test func whatProgressThrowsEndsTheWork() throws {
    let model = try Fixture.model("sd1")
    var seen: [Int] = []
    #expect(throws: Cancelled.self) {
      try model.generate(request) { progress in
        seen.append(progress.step)
        if progress.step == 3 { throw Cancelled() }
      }
    }
    #expect(seen == [0, 1, 2, 3])
    // The model is none the worse for it.
    let after = try model.generate(request) { _ in }
    #expect(after == (try Fixture.model("sd1").generate(request) { _ in }))
  }

  @Test(arguments: ["sd1", "sd2", "linear-patch"])
  func sameSeedSameBytes(name: String) throws {
    var request = request
    let first = try Fixture.model(name).generate(request) { _ in }
    let model = try Fixture.model(name)
    #expect(first == (try model.generate(request) { _ in }))
    #expect(first == (try model.generate(request) { _ in }))
    request.seed += 1 << 32
    #expect(first == (try model.generate(request) { _ in }))
    request.seed += 1
    #expect(first != (try model.generate(request) { _ in }))
    request.seed -= 1
    request.prompt = "church bells"
    #expect(first != (try model.generate(request) { _ in }))
  }

  /// Sizes far from the one trained on, and so small that threads get nothing to do.
  @Test(arguments: [(2, 2), (2, 64), (64, 2), (6, 10), (126, 34)])
  func oddSizes(width: Int, height: Int) throws {
    var request = request
    request.width = width
    request.height = height
    request.steps = 2
    let image = try Fixture.model("sd1", threads: 4).generate(request) { _ in }
    #expect(image.pixels.count == 3 * width * height)
  }

  @Test func modelsRunBesideEachOther() async throws {
    let expected = try Fixture.model("sd1").generate(request) { _ in }
    let request = request
    let shared = try Fixture.model("sd1")
    let images = try await withThrowingTaskGroup(of: RasterImage.self) { group in
      for index in 0..<6 {
        group.addTask {
          let model = index % 2 == 0 ? shared : try Fixture.model("sd1")
          return try model.generate(request) { _ in }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(images.count == 6)
    #expect(images.allSatisfy { $0 == expected })
  }
}
