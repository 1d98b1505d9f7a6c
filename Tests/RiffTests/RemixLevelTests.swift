import Foundation
import Riff
import Testing

@Suite("A remix is as loud as its clip")
struct RemixLevelTests {
  /// Noise at 48 kHz, as loud as each second's factor says.
  private static func noise(_ factors: [Float]) -> [Float] {
    var generator = Generator(state: 9)
    return factors.flatMap { factor in (0..<48_000).map { _ in factor * generator.next() } }
  }

  /// A linear congruential generator's values in -1...1.
  private struct Generator {
    var state: UInt64
    mutating func next() -> Float {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
    }
  }

  /// Passes a second after the other, the remix by `lag` samples later, as its path does.
  private func played(_ remix: [Float], _ clip: [Float], lag: Int = 4_000) -> [Float] {
    var level = RemixLevel(channels: 1, peak: clip.reduce(0) { max($0, abs($1)) })
    var sound: [Float] = []
    var (taken, sent) = (0, 0)
    while taken < clip.count {
      let next = min(taken + 48_000, clip.count)
      let end = max(sent, next - lag)
      sound += level.process([Array(remix[sent..<end])], against: [Array(clip[taken..<next])])[0]
      (taken, sent) = (next, end)
      // A window has been played.
      if taken == 4 * 48_000 { sound += level.settle()[0] }
    }
    sound += level.process([Array(remix[sent...])], against: nil)[0]
    return sound + level.finish()[0]
  }

  private static func decibels(_ sound: ArraySlice<Float>, against other: ArraySlice<Float>)
    -> Float
  {
    func power(_ sound: ArraySlice<Float>) -> Float { sound.reduce(0) { $0 + $1 * $1 } }
    return 10 * log10(power(sound) / power(other))
  }

  @Test("what nothing was painted over stays as it is, wherever it is loud and soft")
  func unchanged() {
    let clip = Self.noise([0.01, 0.3, 0.1, 0.02, 0.3, 0.001, 0.2, 0.3, 0.05])
    let isEqual = self.played(clip, clip) == clip
    #expect(isEqual)
  }

  @Test("a clip that begins softly is not soft to its end")
  func softBeginning() {
    let clip = Self.noise([0.02] + Array(repeating: 0.3, count: 9))
    var remix = clip
    for index in 48_000..<clip.count { remix[index] *= 0.2 }
    let sound = self.played(remix, clip)
    #expect(sound.count == clip.count)
    let level = Self.decibels(sound[96_000...], against: clip[96_000...])
    #expect(abs(level) < 0.5, "\(level) dB")
  }

  @Test("the gain follows, by a decibel a second, and no more than 18 dB")
  func follows() {
    let clip = Self.noise(Array(repeating: 0.3, count: 60))
    var remix = clip
    for index in 10 * 48_000..<clip.count { remix[index] *= 0.5 }
    let sound = self.played(remix, clip)
    func level(_ second: Int) -> Float {
      let range = second * 48_000..<(second + 1) * 48_000
      return Self.decibels(sound[range], against: clip[range])
    }
    #expect(abs(level(8)) < 0.1)
    let path = (10..<60).map(level)
    #expect(zip(path, path.dropFirst()).allSatisfy { $1 - $0 > -0.1 && $1 - $0 < 1.1 }, "\(path)")
    #expect(abs(path[49]) < 0.5)
    let faint = self.played(clip.map { $0 * 0.01 }, clip)
    #expect(abs(Self.decibels(faint[...], against: clip[...]) + 40 - 18.06) < 0.1)
  }

  @Test("silence decides nothing")
  func silence() {
    let clip = Self.noise([0, 0, 0, 0, 0, 0.3, 0.3, 0.3, 0.3, 0.3])
    let sound = self.played(clip.map { $0 * 0.5 }, clip)
    #expect(sound.count == clip.count)
    let level = Self.decibels(sound[(6 * 48_000)...], against: clip[(6 * 48_000)...])
    #expect(abs(level) < 0.1, "\(level) dB")
  }
}
