import Riff
import Testing

@Suite struct PeakLimiterTests {
  private func run(_ input: [[Float]], piece: Int) -> [[Float]] {
    var limiter = PeakLimiter(channels: input.count, ceiling: 0.5)
    var output = input.map { _ in [Float]() }
    let count = input[0].count
    for start in stride(from: 0, to: count, by: piece) {
      let part = limiter.process(input.map { Array($0[start..<min(start + piece, count)]) })
      for channel in output.indices { output[channel] += part[channel] }
    }
    let rest = limiter.finish()
    for channel in output.indices { output[channel] += rest[channel] }
    return output
  }

  @Test func quietSoundPassesUnchanged() {
    let input = [(0..<5_000).map { Float($0 % 97) / 97 * 0.4 - 0.2 }]
    #expect(self.run(input, piece: 480) == input)
  }

  @Test func nothingExceedsTheCeilingAndTheLengthStays() {
    var input = [[Float]](repeating: [], count: 2)
    for index in 0..<20_000 {
      let loud: Float = (7_000..<9_000).contains(index) ? 4 : 0.3
      input[0].append(loud * ((index / 50) % 2 == 0 ? 1 : -1))
      input[1].append(0.1)
    }
    let output = self.run(input, piece: 1_000)
    #expect(output.map(\.count) == [20_000, 20_000])
    #expect(output[0].allSatisfy { abs($0) <= 0.5001 })
    // Both channels get the same gain, and quiet passages far from the loud one none.
    #expect(output[1][8_000] < 0.02)
    #expect(output[1][100] == 0.1)
    #expect(output[0][100] == input[0][100])
    // The gain comes back within some release times.
    #expect(output[1][19_999] > 0.08)
  }

  @Test func thePiecesDoNotMatter() {
    let input = [(0..<3_000).map { Float(($0 * 7_919) % 2_001) / 1_000 - 1 }]
    #expect(self.run(input, piece: 3_000) == self.run(input, piece: 7))
  }
}
