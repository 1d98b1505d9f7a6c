import Foundation
import Spectrogram

/// Sounds of many kinds, five seconds each, made here.
enum TestSound: String, CaseIterable, Sendable {
  case bass, tone, whistle, high, chord, whiteNoise, drums, sparse, late, fading, faint, stereo

  private static let rate = 44_100
  private static let count = 5 * rate

  /// Its spectrogram picture, with riffusion's parameters.
  func picture() throws -> SpectrogramPicture {
    let parameters = SpectrogramParameters(stereo: self == .stereo)
    let mel = try SpectrogramAnalyzer(parameters).analyze(samples())
    return try SpectrogramPicture(mel, parameters: parameters)
  }

  /// (channel, sample) at 44.1 kHz, full scale ±1.
  func samples() -> [[Float]] {
    switch self {
    case .bass: [Self.make { 0.4 * sin(2 * .pi * 70 * $0) }]
    case .tone: [Self.make { 0.3 * sin(2 * .pi * 1_000 * $0) }]
    case .whistle: [Self.make { 0.1 * sin(2 * .pi * 6_000 * $0) }]
    case .high: [Self.make { 0.1 * sin(2 * .pi * 9_000 * $0) }]
    case .chord: [Self.chord(0.05)]
    case .whiteNoise: [Self.noise(0.2)]
    case .drums: [Self.beat()]
    case .sparse: [Self.notes()]
    case .late: [Self.make { $0 < 3 ? 0 : 0.3 * sin(2 * .pi * 500 * $0) }]
    case .fading: [zip(Self.beat(), 0...).map { $0 * Float(exp(-Double($1) / 44_100)) }]
    case .faint: [Self.chord(0.0005)]
    case .stereo: [Self.beat(), Self.chord(0.03)]
    }
  }

  private static func make(_ sample: (Double) -> Double) -> [Float] {
    (0..<count).map { Float(sample(Double($0) / Double(rate))) }
  }

  private static func chord(_ gain: Double) -> [Float] {
    make { time in
      var sum = 0.0
      for note in [110, 138.59, 164.81, 220, 277.18] {
        for harmonic in 1...8 {
          sum += sin(2 * .pi * note * Double(harmonic) * time) / Double(harmonic)
        }
      }
      return gain * sum
    }
  }

  /// A linear congruential generator: the same noise everywhere.
  private static func noise(_ gain: Float) -> [Float] {
    var state: UInt64 = 7
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return gain * (Float(state >> 40) / Float(1 << 23) - 1)
    }
  }

  /// A bass drum and a snare in turn, four a second.
  private static func beat() -> [Float] {
    let hiss = noise(0.4)
    return (0..<count).map { index in
      let beat = index / (rate / 4)
      let time = Double(index % (rate / 4)) / Double(rate)
      if beat % 2 == 1 { return hiss[index] * Float(exp(-25 * time)) }
      return Float(0.8 * exp(-15 * time) * sin(2 * .pi * (50 * time + 2 * (1 - exp(-30 * time)))))
    }
  }

  /// Two short notes in five seconds.
  private static func notes() -> [Float] {
    make { time in
      [(0.5, 440.0), (3.2, 660)].reduce(0) { sum, note in
        let since = time - note.0
        return since < 0 || since > 0.8
          ? sum : sum + 0.5 * exp(-8 * since) * sin(2 * .pi * note.1 * since)
      }
    }
  }
}
