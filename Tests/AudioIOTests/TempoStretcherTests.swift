import AudioIO
import Foundation
import Testing

@Suite("Tempo")
struct TempoStretcherTests {
  @Test("length is exact, pitch stays, and what begins moves", arguments: [0.8, 1.0, 1.37])
  func stretched(_ ratio: Double) throws {
    let (rate, count) = (48_000, 5 * 48_000 + 17)
    // A tone on one side, struck notes every half second on the other.
    let tone = (0..<count).map { Float(0.4 * sin(2 * .pi * 500 * Double($0) / Double(rate))) }
    let clicks = (0..<count).map { index -> Float in
      let place = index % 24_000
      return place < 4_800 ? Float(0.8 * exp(-Double(place) / 1_200) * sin(0.3 * Double(place))) : 0
    }
    let stretcher = try TempoStretcher(sampleRate: rate, channels: 2, ratio: ratio)
    var made: [[Float]] = [[], []]
    for start in stride(from: 0, to: count, by: 10_000) {
      let part = try stretcher.append(
        [tone, clicks].map { Array($0[start..<min(start + 10_000, count)]) })
      for channel in 0..<2 { made[channel] += part[channel] }
    }
    let rest = try stretcher.finish()
    for channel in 0..<2 { made[channel] += rest[channel] }
    #expect(made.map(\.count) == Array(repeating: Int((Double(count) / ratio).rounded()), count: 2))
    // Zero crossings of the tone, away from the ends.
    let middle = made[0][20_000..<made[0].count - 20_000]
    let crossings = zip(middle, middle.dropFirst()).filter { $0 < 0 && $1 >= 0 }.count
    #expect(abs(Double(crossings) * Double(rate) / Double(middle.count) - 500) < 5)
    // The third to the eighth click.
    for click in 2..<8 {
      let expected = Double(24_000 * click) / ratio
      let near = (Int(expected) - 4_800)..<(Int(expected) + 4_800)
      let first = near.first { abs(made[1][$0]) > 0.3 }
      #expect(abs(Double(first ?? 0) - expected) < 1_440, "30 ms")
    }
  }

  @Test("what cannot be is refused")
  func refused() throws {
    #expect(throws: AudioIOError.self) {
      try TempoStretcher(sampleRate: 48_000, channels: 1, ratio: .nan)
    }
    #expect(throws: AudioIOError.self) {
      try TempoStretcher(sampleRate: 48_000, channels: 0, ratio: 1)
    }
  }
}
