import Cores
import AudioIO
import Foundation
import Riff
import Spectrogram
import Testing

@Suite("Fades")
struct FadeTests {
  private func sound(_ fade: Int, sampleCount: Int = 96_000) throws -> [Float] {
    let picture = try TestSound.tone.picture()
    let path = try SoundPath(
      picture, output: .pcmFloat32, sampleCount: sampleCount, fadeMilliseconds: fade,
      pool: ComputePool(threads: 2))
    var bytes: [UInt8] = []
    while let part = try path.next() { bytes += part }
    return bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }

  @Test("the ends fade, the middle stays as it is to the bit")
  func ends() throws {
    let (plain, faded) = try (sound(0), sound(100))
    try #require(faded.count == 96_000)
    #expect(faded[4_800..<91_200] == plain[4_800..<91_200])
    func level(_ sound: ArraySlice<Float>) -> Double {
      (sound.reduce(0) { $0 + Double($1 * $1) } / Double(sound.count)).squareRoot()
    }
    for (near, far) in [(0..<480, 2_160..<2_640), (95_520..<96_000, 93_360..<93_840)] {
      #expect(level(faded[near]) < 0.02 * level(plain[near]))
      // Half way, it is half as loud.
      #expect(abs(level(faded[far]) / level(plain[far]) - 0.5) < 0.05)
    }
  }

  @Test("a sound that is shorter than its fades is all fade, its middle whole")
  func short() throws {
    let (plain, faded) = try (sound(0, sampleCount: 1_000), sound(10_000, sampleCount: 1_000))
    #expect(zip(faded, plain).allSatisfy { abs($0) <= abs($1) })
    #expect(abs(faded[499] - plain[499]) <= 1e-4 * abs(plain[499]))
    #expect(abs(faded[0]) <= 1e-4 * abs(plain[0]))
  }
}
