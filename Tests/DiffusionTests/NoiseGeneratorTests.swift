import Diffusion
import Testing

@Suite("Noise equals torch.randn on the CPU generator")
struct NoiseGeneratorTests {
  @Test func everySizeAndSeed() throws {
    let file = try SafetensorsFile(path: Fixture.path("noise.safetensors"))
    var cases = 0
    for name in file.names where !name.hasPrefix("stream") {
      let parts = name.split(separator: "/")
      let seed = try #require(UInt64(parts[0]))
      let count = try #require(Int(parts[1]))
      let expected = try #require(file.floats(name)).values
      var generator = NoiseGenerator(seed: seed)
      let values = generator.normal(count)
      #expect(values.count == count)
      for (value, expected) in zip(values, expected) {
        #expect(abs(value - expected) <= 1e-6, "\(name)")
      }
      cases += 1
    }
    #expect(cases == 42)
  }

  @Test func successiveDrawsContinueTheStream() throws {
    var generator = NoiseGenerator(seed: 3)
    for (index, count) in [5, 20, 3, 33].enumerated() {
      let expected = try Fixture.tensor("noise.safetensors", "stream/\(index)/\(count)").values
      for (value, expected) in zip(generator.normal(count), expected) {
        #expect(abs(value - expected) <= 1e-6)
      }
    }
  }

  @Test func onlyTheLowerHalfOfASeedCounts() {
    var first = NoiseGenerator(seed: 42)
    var second = NoiseGenerator(seed: 42 + 1 << 32)
    var other = NoiseGenerator(seed: 43)
    let values = first.normal(64)
    #expect(values == second.normal(64))
    #expect(values != other.normal(64))
  }
}
