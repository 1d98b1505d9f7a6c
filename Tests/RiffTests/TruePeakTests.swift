import Foundation
import Riff
import Testing

@Suite("True peaks")
struct TruePeakTests {
  private func limited(_ sound: [[Float]], piece: Int = 4_800) -> [[Float]] {
    var limiter = PeakLimiter(channels: sound.count)
    var output = sound.map { _ in [Float]() }
    for start in stride(from: 0, to: sound[0].count, by: piece) {
      let part = limiter.process(
        sound.map { Array($0[start..<min(start + piece, sound[0].count)]) })
      for channel in output.indices { output[channel] += part[channel] }
    }
    let rest = limiter.finish()
    for channel in output.indices { output[channel] += rest[channel] }
    return output
  }

  /// The sound between silences, faded over 10 ms: filters ring at hard edges, each in its own way.
  private func faded(_ sound: [Float]) -> [Float] {
    sound.enumerated().map { index, value in
      value * min(1, Float(min(index, sound.count - 1 - index)) / 480)
    }
  }

  @Test("peaks that lie between samples are found")
  func between() throws {
    // A quarter of the rate, 45° off: every sample is at 0.7071 of the peak.
    let sound = (0..<48_000).map { Float(1.2 * sin(.pi / 2 * Double($0) + .pi / 4)) }
    #expect(sound.allSatisfy { abs($0) < 0.8912 })
    let output = limited([faded(sound)])
    #expect(output[0].count == sound.count)
    // 1.2 is brought to 0.891.
    let ratio = output[0][24_000] / sound[24_000]
    #expect(abs(ratio - 0.8912509 / 1.2) < 0.005)
    #expect(try LoudnessWitness(output).truePeak <= -0.9)
  }

  @Test("what ffmpeg measures stays under the ceiling, whatever comes", arguments: [1, 3, 30])
  func witness(gain: Float) throws {
    for sound in [TestSound.drums, .whiteNoise, .chord, .stereo, .whistle] {
      // Taken as if it were at 48 kHz.
      let output = limited(sound.samples().map { faded($0.map { $0 * gain }) })
      #expect(try LoudnessWitness(output).truePeak <= -0.8, "\(sound)")
    }
  }

  @Test("sound whose true peaks are low passes bit for bit, in pieces of any size")
  func unchanged() {
    let sound = (0..<5_000).map { Float(0.85 * sin(2 * .pi * 100 * Double($0) / 48_000)) }
    for piece in [1, 7, 15, 16, 17, 33, 4_800] {
      #expect(limited([sound], piece: piece) == [sound])
    }
  }

  @Test(
    "every length is kept",
    arguments: [0, 1, 15, 16, 17, 32, 33, 239, 240, 241, 257, 999])
  func lengths(count: Int) {
    let sound = (0..<count).map { Float($0 % 5) - 2 }
    #expect(limited([sound, sound]).map(\.count) == [count, count])
  }
}
