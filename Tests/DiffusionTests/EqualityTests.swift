import Diffusion
import Testing

/// Every stage against diffusers and transformers on tiny checkpoints with random weights:
/// sd1 (ε, three levels, old attention names), sd2 (v-prediction, linear projections, heads and
/// layers as lists, zero terminal SNR, trailing timesteps, GELU), and f16 (four levels of two layers,
/// PNDM, as Stable Diffusion 1.5 is published) and bf16 files, computed in f32 by both; and added-text,
/// whose prompt joins the timestep's embedding.
@Suite("Each stage equals diffusers")
struct EqualityTests {
  static let models = ["sd1", "sd2", "sd1-f16", "sd1-bf16", "added-text"]
  private let tolerance: Float = 1e-3

  private func expected(_ model: String, _ name: String) throws -> (values: [Float], shape: [Int]) {
    try Fixture.tensor("\(model)/expected.safetensors", name)
  }

  @Test(arguments: models)
  func textEmbedding(name: String) throws {
    let model = try Fixture.model(name)
    let values = try model.embedding(["", "funk bassline with a jazzy saxophone solo"])
    let expected = try expected(name, "embedding")
    #expect(Fixture.relativeError(values, expected.values) < tolerance)
  }

  /// The width is odd: the way up has to end at the sizes of the way down.
  @Test(arguments: models)
  func unetStep(name: String) throws {
    let model = try Fixture.model(name)
    let latents = try expected(name, "unet_latents")
    let values = try model.predict(
      latents.values, batch: 2, height: latents.shape[1], width: latents.shape[2], timestep: 601,
      embedding: try expected(name, "embedding").values)
    #expect(Fixture.relativeError(values, try expected(name, "unet_output").values) < tolerance)
  }

  @Test(arguments: models + ["linear-patch"])
  func decoding(name: String) throws {
    let model = try Fixture.model(name)
    let latents = try expected(name, "vae_latents")
    let values = try model.decode(
      latents.values, height: latents.shape[0], width: latents.shape[1])
    #expect(Fixture.relativeError(values, try expected(name, "vae_picture").values) < tolerance)
  }

  @Test(arguments: models + ["linear-patch"])
  func encoding(name: String) throws {
    let model = try Fixture.model(name)
    let picture = try expected(name, "vae_source")
    let values = try model.encode(
      picture.values, height: picture.shape[0], width: picture.shape[1])
    #expect(Fixture.relativeError(values, try expected(name, "vae_mean").values) < tolerance)
  }

  /// Ten steps from a seed above 2^32 to the picture before it becomes 8-bit.
  @Test(arguments: models, [1, 2, 3])
  func wholePicture(name: String, threads: Int) throws {
    let model = try Fixture.model(name, threads: threads)
    var request = DiffusionRequest(
      prompt: "funk bassline with a jazzy saxophone solo", negativePrompt: "violin solo",
      seed: 1 << 32 + 1234, steps: 10, guidanceScale: 7.5, width: 32, height: 24)
    let guided = try model.picture(request) { _ in }
    #expect(
      Fixture.relativeError(guided, try expected(name, "picture_guided").values) < tolerance)
    request.guidanceScale = 1
    let plain = try model.picture(request) { _ in }
    #expect(Fixture.relativeError(plain, try expected(name, "picture_plain").values) < tolerance)
  }

  @Test func aPictureIsTheRoundedFloats() throws {
    let model = try Fixture.model("sd1")
    let request = DiffusionRequest(prompt: "bells", seed: 9, steps: 2, width: 16, height: 8)
    let floats = try model.picture(request) { _ in }
    let image = try model.generate(request) { _ in }
    #expect(image.width == 16 && image.height == 8)
    #expect(image.pixels.count == floats.count)
    for (pixel, value) in zip(image.pixels, floats) {
      let exact = min(max(value * 0.5 + 0.5, 0), 1) * 255
      #expect(abs(Float(pixel) - exact) <= 0.5)
    }
  }
}
