import AudioIO
import Foundation
import Riff
import Spectrogram
import Testing

@Suite("Loudness")
struct LoudnessTests {
  @Test("K-weighting: a sine of 997 Hz at full scale has -3.01 LUFS, as BS.1770 says")
  func weighting() {
    #expect(abs(10 * log10(0.5 * KWeighting.power(at: 997)) - 0.691 + 3.01) < 0.01)
    #expect(KWeighting.power(at: 0) < 1e-6)
    #expect(abs(10 * log10(KWeighting.power(at: 10_000)) - 4) < 0.1)
    #expect(abs(10 * log10(KWeighting.power(at: 38)) + 6) < 1)
  }

  @Test("the filters in time weigh what their responses say", arguments: [30.0, 200, 1_500, 9_000])
  func filters(hertz: Double) {
    let sine = (0..<96_000).map { Float(0.5 * sin(2 * .pi * hertz * Double($0) / 48_000)) }
    let ratio = KWeighting.meanSquare(of: sine) / (0.125 * KWeighting.power(at: hertz))
    #expect(abs(10 * log10(ratio)) < 0.05)
    #expect(KWeighting.meanSquare(of: []) == 0)
  }

  /// Loudness of a constant power.
  private func loudness(_ power: Double) -> Double { -0.691 + 10 * log10(power) }

  @Test("a steady sound is as loud as its power, however long, at whatever steps")
  func steady() throws {
    for (step, duration) in [(0.01, 5.0), (0.5, 12), (0.001, 0.1), (0.01, 0.4), (0.01, 0.39)] {
      let powers = [Double](repeating: 0.02, count: Int((duration / step).rounded()) + 1)
      let gated = GatedLoudness(powers: powers, step: step, duration: duration)
      #expect(abs(try #require(gated.integrated()) - loudness(0.02)) < 0.01)
      #expect(abs(try #require(gated.gain(to: -14)) - (-14 - loudness(0.02))) < 0.01)
    }
  }

  @Test("pauses do not count, nor does what is 10 LU below the rest; what is 9 LU below does")
  func gates() throws {
    func integrated(_ second: Double) throws -> Double {
      let powers = [Double](repeating: 0.1, count: 1_000) + Array(repeating: second, count: 1_000)
      return try #require(
        GatedLoudness(powers: powers, step: 0.01, duration: 20).integrated())
    }
    // Of 200 blocks, three lie across the edge.
    #expect(abs(try integrated(0) - loudness(0.1)) < 0.1)
    #expect(abs(try integrated(1e-9) - loudness(0.1)) < 0.1)
    #expect(abs(try integrated(0.001) - loudness(0.1)) < 0.1)
    #expect(abs(try integrated(0.1 / 8) - loudness(0.1 * (1 + 1 / 8) / 2)) < 0.1)
  }

  @Test("silence has no loudness and gets no gain, and nothing gets more than 56 dB")
  func silence() {
    for power in [0, 1e-12, 1e-8] {
      let gated = GatedLoudness(
        powers: Array(repeating: power, count: 500), step: 0.01, duration: 5)
      #expect(gated.integrated() == nil)
      #expect(gated.gain(to: -14) == nil)
    }
    #expect(GatedLoudness(powers: [], step: 0.01, duration: 0).gain(to: -14) == nil)
    let faint = GatedLoudness(powers: Array(repeating: 2e-7, count: 500), step: 0.01, duration: 5)
    #expect((faint.gain(to: -14) ?? 0) > 50)
    #expect((faint.gain(to: -14) ?? 100) < 56)
  }

  @Test(
    "the prediction from a picture is what ffmpeg measures of its sound",
    arguments: TestSound.allCases)
  func prediction(sound: TestSound) throws {
    let picture = try sound.picture()
    let count = picture.frames * picture.parameters.stepMilliseconds * 48
    let predicted = LevelControl.predict(
      picture, parameters: picture.parameters, duration: Double(count) / 48_000)
    let recovery = try PhaseRecoveryStream(picture)
    let resampler = try StreamResampler(
      from: recovery.sampleRate, to: 48_000, channels: picture.channels)
    var samples = [[Float]](repeating: [], count: picture.channels)
    while let part = try recovery.next() {
      for (channel, more) in try resampler.append(part).enumerated() { samples[channel] += more }
    }
    let measured = try LoudnessWitness(samples)
    // What the recovery leaves of a lone high tone is quieter; the beginning of the sound tells.
    // Between the short tones of a sparse sound, blocks lie near the gate: which of them count is
    // decided by what recovery leaves there, 1.4 LU in all.
    let tolerance: Double = [.sparse, .high].contains(sound) ? 2 : 1
    #expect(
      abs(try #require(predicted.integrated()) - measured.integrated) < tolerance, "\(measured)")
  }
}
