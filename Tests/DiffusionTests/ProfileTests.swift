import Diffusion
import Testing

@Suite("A profile sorts time by layer")
struct ProfileTests {
  private func step(_ model: SoloModel) throws {
    let expected = "sd1/expected.safetensors"
    let latents = try Fixture.tensor(expected, "unet_latents")
    _ = try model.predict(
      latents.values, batch: 2, height: latents.shape[1], width: latents.shape[2], timestep: 601,
      embedding: try Fixture.tensor(expected, "embedding").values)
  }

  /// A resnet has two convolutions, a transformer two attentions, three norms of tokens and one of
  /// a map, and so on: the tensors in the file say how many of each there are.
  @Test func everyLayerIsCounted() throws {
    let model = try Fixture.model("sd1")
    let names = try SafetensorsFile(
      path: Fixture.path("sd1/unet/diffusion_pytorch_model.safetensors")
    ).names
    func count(_ suffix: String) -> Int { names.count { $0.hasSuffix(suffix) } }
    let start = ContinuousClock.now
    let timings = try model.profile { try step(model) }
    let wall = (ContinuousClock.now - start) / .seconds(1)
    func runs(_ kind: LayerKind) -> Int {
      timings.filter { $0.layer.kind == kind }.reduce(0) { $0 + $1.runs }
    }
    let resnets = count("conv1.weight")
    let transformers = count("attn1.to_q.weight")
    #expect(resnets > 0 && transformers > 0)
    #expect(runs(.convolution) == 2 * resnets + count("samplers.0.conv.weight") + 2)
    #expect(runs(.attention) == 2 * transformers)
    #expect(runs(.normalization) == 2 * resnets + 4 * transformers + 1)
    #expect(runs(.activation) == transformers)
    #expect(runs(.other) == 1)
    let total = timings.reduce(0) { $0 + $1.seconds }
    #expect(total > 0 && total <= wall)
    #expect(timings.map(\.seconds) == timings.map(\.seconds).sorted(by: >))
    #expect(
      timings.allSatisfy { ($0.layer.operations > 0) == ($0.layer.kind.rawValue < 4) })
  }

  private struct Stopped: Error {}

  @Test func itEndsWithItsBody() throws {
    let model = try Fixture.model("sd1", threads: 1)
    #expect(throws: Stopped.self) {
      _ = try model.profile { throw Stopped() }
    }
    try step(model)
    #expect(model.profile {}.isEmpty)
    let once = try model.profile { try step(model) }
    let twice = try model.profile {
      try step(model)
      try step(model)
    }
    let attention = { (timings: [LayerTiming]) in
      timings.filter { $0.layer.kind == .attention }.reduce(0) { $0 + $1.runs }
    }
    #expect(attention(once) > 0 && attention(twice) == 2 * attention(once))
  }
}
