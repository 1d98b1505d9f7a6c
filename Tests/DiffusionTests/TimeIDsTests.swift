import Diffusion
import Testing

/// U-Nets that are told numbers besides words (`addition_embed_type: text_time`), against diffusers.
@Suite("Numbers besides the prompt")
struct TimeIDsTests {
  private static let file = "text-time/expected.safetensors"

  private func expected(_ name: String) throws -> (values: [Float], shape: [Int]) {
    try Fixture.tensor(Self.file, name)
  }

  @Test func aPromptAsAWholeIsItsFirstEndToken() throws {
    let model = try Fixture.model("text-time")
    let values = try model.wholes(["", "funk bassline with a jazzy saxophone solo"])
    #expect(Fixture.relativeError(values, try expected("text_embeds").values) < 1e-4)
  }

  @Test func aStepEqualsDiffusers() throws {
    let model = try Fixture.model("text-time")
    #expect(model.info.timeIDs == 3)
    let latents = try expected("unet_latents")
    let numbers = try expected("time_ids")
    func step(_ timeIDs: [[Float]]) throws -> [Float] {
      try model.predict(
        latents.values, batch: 2, height: latents.shape[1], width: latents.shape[2],
        timestep: 601, embedding: expected("embedding").values,
        wholes: expected("text_embeds").values, timeIDs: timeIDs)
    }
    let told = Array(numbers.values[3...])
    let output = try expected("unet_output").values
    #expect(numbers.values[..<3].allSatisfy { $0 == 0 })
    // Nothing told is zeros.
    #expect(Fixture.relativeError(try step([[], told]), output) < 1e-3)
    #expect(Fixture.relativeError(try step([[], []]), output) > 1e-2)
  }

  @Test func aPictureDependsOnItsNumbers() throws {
    let model = try Fixture.model("text-time")
    var request = DiffusionRequest(
      prompt: "bells", negativePrompt: "drums", seed: 3, steps: 3, width: 16, height: 16)
    let untold = try model.picture(request) { _ in }
    request.timeIDs = [0, 0, 0]
    #expect(try model.picture(request) { _ in } == untold)
    request.timeIDs = [120, 90, 1]
    #expect(try model.picture(request) { _ in } != untold)
  }

  @Test(arguments: [[1.0], [1, 2, 3, 4], [1, 2, .nan], [1, 2, 1e7]])
  func wrongNumbersAreRefused(timeIDs: [Double]) throws {
    let model = try Fixture.model("text-time")
    var request = DiffusionRequest(prompt: "bells", seed: 3, steps: 3, width: 16, height: 16)
    request.timeIDs = timeIDs
    #expect {
      _ = try model.picture(request) { _ in }
    } throws: { error in
      (error as? DiffusionError)?.kind == .invalidArgument(field: "time_ids")
    }
  }

  @Test func aModelWithoutNumbersTakesNone() throws {
    let model = try Fixture.model("sd1")
    #expect(model.info.timeIDs == 0)
    var request = DiffusionRequest(prompt: "bells", seed: 3, steps: 3, width: 16, height: 16)
    request.timeIDs = [120]
    #expect(throws: DiffusionError.self) { try model.picture(request) { _ in } }
  }

  @Test(arguments: [
    ("projection_class_embeddings_input_dim", 33), ("addition_time_embed_dim", 1),
    ("addition_time_embed_dim", 7), ("projection_class_embeddings_input_dim", 1 << 30),
  ])
  func widthsThatDoNotFitAreRefused(key: String, value: Int) throws {
    try Fixture.withCopy(of: "text-time") { directory in
      try Fixture.editJSON("\(directory)/unet/config.json") { $0[key] = value }
      #expect {
        _ = try SoloModel(directory: directory, threads: 1)
      } throws: { error in
        "\(error)".contains(key) || "\(error)".contains("projection_class_embeddings_input_dim")
      }
    }
  }
}
