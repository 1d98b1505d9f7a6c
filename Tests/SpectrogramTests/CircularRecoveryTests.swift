import Foundation
import Spectrogram
import Testing

/// Recovery at paces of its own, and of sounds that repeat themselves.
@Suite("Picture to sound: paces and circles")
struct CircularRecoveryTests {
  private static let parameters = PhaseRecoveryTests.parameters
  /// Samples of a period, two seconds at 24 kHz, and its columns.
  private static let period = 48_000
  private static let columns = 200

  /// Struck tones over a held chord, the same every two seconds.
  private static let sound: [Float] = (0..<3 * period).map { index in
    let t = Double(index) / 24_000
    let beat = (t * 4).truncatingRemainder(dividingBy: 1)
    var value = 0.1 * sin(2 * .pi * 165 * t) + 0.1 * sin(2 * .pi * 207.5 * t)
    for harmonic in 1...4 {
      value += 0.2 / Double(harmonic) * exp(-4 * beat) * sin(2 * .pi * 330 * Double(harmonic) * t)
    }
    return Float(0.5 * value)
  }

  private static func part(_ mel: MelSpectrogram, _ frames: Range<Int>) throws -> MelSpectrogram {
    var values: [Float] = []
    for row in 0..<mel.channels * mel.bins {
      values +=
        mel.values[row * mel.frames + frames.lowerBound..<row * mel.frames + frames.upperBound]
    }
    return try MelSpectrogram(
      channels: mel.channels, bins: mel.bins, frames: frames.count, values: values)
  }

  /// Of a sound that is played three times, the second time.
  private static func middle(_ sound: [Float]) throws -> MelSpectrogram {
    try Self.part(
      SpectrogramAnalyzer(Self.parameters).analyze([sound + sound + sound]),
      Self.columns..<2 * Self.columns)
  }

  @Test("a circle's sound goes on from its end to its beginning, as right there as anywhere")
  func circle() throws {
    let reference = try Self.part(
      SpectrogramAnalyzer(Self.parameters).analyze([Self.sound]), Self.columns..<2 * Self.columns)
    func recovered(isCircular: Bool) throws -> [Float] {
      let stream = try PhaseRecoveryStream(
        reference, parameters: Self.parameters, effort: RecoveryEffort(.normal),
        minimumBlock: .max, opensEarly: false, isCircular: isCircular)
      let sound = try stream.all().sound[0]
      #expect(sound.count == Self.period)
      return sound
    }
    func convergence(_ sound: [Float], _ frames: Range<Int>) throws -> Double {
      let mel = try Self.middle(sound)
      return try SyntheticSound.convergence(
        Self.part(reference, frames), Self.part(mel, frames))
    }
    let circle = try recovered(isCircular: true)
    #expect(try convergence(circle, 0..<Self.columns) < 0.1)
    let joint = max(try convergence(circle, 0..<6), try convergence(circle, 194..<200))
    #expect(joint < 0.15)
    let line = try recovered(isCircular: false)
    let broken = max(try convergence(line, 0..<6), try convergence(line, 194..<200))
    #expect(broken > 1.5 * joint, "it would join anyhow: \(broken)")
  }

  @Test("a pace keeps pitches and moves what begins, however its hop is a fraction")
  func pace() throws {
    // A held tone; clicks every half second.
    let tone = (0..<96_000).map { index -> Float in
      let click = index % 12_000 == 6_000 ? 0.9 : 0
      return Float(0.2 * sin(2 * .pi * 1_000 * Double(index) / 24_000) + click)
    }
    let mel = try SpectrogramAnalyzer(Self.parameters).analyze([tone])
    let picture = try Self.part(mel, 0..<400)
    // 400 columns that took 4 s in 3.7 s and a fraction of a sample.
    let pace = ColumnPace(columns: 400, samples: 177_777)
    let stream = try PhaseRecoveryStream(
      picture, parameters: Self.parameters, effort: RecoveryEffort(.normal), threads: 2, pace: pace)
    #expect(stream.sampleCount == 88_889)
    let sound = try stream.all().sound[0]
    #expect(sound.count == 88_889)
    func power(_ frequency: Double) -> Double {
      var (re, im) = (0.0, 0.0)
      for (index, value) in sound[10_000..<80_000].enumerated() {
        let angle = 2 * .pi * frequency * Double(index) / 24_000
        re += Double(value) * cos(angle)
        im += Double(value) * sin(angle)
      }
      return re * re + im * im
    }
    let best = stride(from: 950.0, through: 1_050, by: 0.5).max { power($0) < power($1) }
    #expect(abs((best ?? 0) - 1_000) < 1)
    // The clicks come as much earlier. Those in the middle: a difference of the tone's phase aside, they
    // are the largest steps.
    for click in 2..<6 {
      let expected = Double(6_000 + 12_000 * click) * 177_777 / 2 / 96_000
      let near = Int(expected) - 1_200..<Int(expected) + 1_200
      let peak = near.max { abs(sound[$0] - sound[$0 - 1]) < abs(sound[$1] - sound[$1 - 1]) }
      #expect(abs(Double(peak ?? 0) - expected) < 120, "5 ms")
    }
  }

  @Test("a period is brought to any number of samples, and is still one")
  func resampling() throws {
    func wave(_ count: Int) -> [Float] {
      (0..<count).map {
        let turns = 2 * Double.pi * Double($0) / Double(count)
        return Float(0.4 * sin(7 * turns) + 0.3 * cos(90 * turns))
      }
    }
    for (from, to) in [(1_000, 2_000), (1_000, 1_999), (999, 2_001), (2_000, 1_000), (500, 500)] {
      let made = try CircularResampling.resample(wave(from), to: to)
      #expect(zip(made, wave(to)).allSatisfy { abs($0 - $1) < 1e-4 })
      #expect(made.count == to)
    }
  }
}
