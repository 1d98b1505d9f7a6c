import Foundation
import Spectrogram
import Testing

@Suite("Tempo and beat")
struct BeatGridTests {
  /// Riff-mini's, and a clip's.
  static let coarse = SpectrogramParameters(
    sampleRate: 24_000, stepMilliseconds: 20, windowMilliseconds: 80, paddedMilliseconds: 160,
    melBins: 256)
  static let fine = SpectrogramParameters(
    sampleRate: 24_000, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
    melBins: 80)

  /// Drums: kicks on beats, noise on the second and fourth, quieter hats between them; over a chord
  /// that changes every four beats.
  static func drums(bpm: Double, from start: Double, seconds: Double) -> [Float] {
    let rate = 24_000.0
    var noise = RepeatableNoise(state: 7)
    var sound = (0..<Int(seconds * rate)).map { index -> Float in
      let t = Double(index) / rate
      let root = 110 * pow(2, ((t - start) * bpm / 240).rounded(.down) / 6)
      return Float(0.05 * (sin(2 * .pi * root * t) + sin(3 * .pi * root * t)))
    }
    for half in 0... {
      let time = start + Double(half) * 30 / bpm
      guard time < seconds else { break }
      let beat = half / 2
      for index in 0..<Int(0.12 * rate) where Int(time * rate) + index < sound.count {
        let t = Double(index) / rate
        let value: Double =
          if half % 2 == 1 {
            0.12 * exp(-t * 60) * noise.next()
          } else if beat % 2 == 1 {
            0.4 * exp(-t * 30) * noise.next()
          } else {
            0.7 * exp(-t * 25) * sin(2 * .pi * 60 * t * (1 + exp(-t * 50)))
          }
        sound[Int(time * rate) + index] += Float(value)
      }
    }
    return sound
  }

  static func grid(_ sound: [Float], _ parameters: SpectrogramParameters) throws -> BeatGrid? {
    let mel = try SpectrogramAnalyzer(parameters).analyze([sound])
    return BeatGrid(OnsetEnvelope(mel, parameters: parameters))
  }

  @Test(
    "drums: the tempo within half a percent, beats within 15 ms",
    arguments: [(84.0, 0.3), (93.75, 0.0), (100, 0.11), (120, 0.25), (128, 0.2), (140, 0.05)])
  func drums(bpm: Double, start: Double) throws {
    for parameters in [Self.coarse, Self.fine] {
      let grid = try #require(
        try Self.grid(Self.drums(bpm: bpm, from: start, seconds: 12), parameters))
      #expect(abs(grid.bpm / bpm - 1) < 0.005, "\(bpm): \(grid.bpm)")
      for beat in [0, 5, 9] {
        let time = start + Double(beat) * 60 / bpm
        #expect(abs(grid.nearest(to: time) - time) < 0.015, "\(bpm): beat \(beat)")
      }
      #expect(grid.clarity > 2)
    }
  }

  @Test("a picture tells the same as the sound it was made of")
  func picture() throws {
    let mel = try SpectrogramAnalyzer(Self.coarse).analyze(
      [Self.drums(bpm: 110, from: 0.1, seconds: 10)])
    let picture = try SpectrogramPicture(mel, parameters: Self.coarse)
    let grid = try #require(BeatGrid(OnsetEnvelope(picture, parameters: Self.coarse)))
    #expect(abs(grid.bpm - 110) < 0.6)
  }

  @Test("a tempo that is known gives the phase alone, of a few beats")
  func known() throws {
    let sound = Self.drums(bpm: 125, from: 0.2, seconds: 3)
    let mel = try SpectrogramAnalyzer(Self.coarse).analyze([sound])
    let onsets = OnsetEnvelope(mel, parameters: Self.coarse)
    let grid = try #require(BeatGrid(onsets, bpm: 125))
    #expect(abs(grid.first - 0.2) < 0.015)
    #expect(BeatGrid(onsets, bpm: 0) == nil)
    #expect(BeatGrid(onsets, bpm: .nan) == nil)
    #expect(BeatGrid(onsets, bpm: 1e9) == nil)
  }

  @Test("silence and a few milliseconds have no beat; steady noise has none to speak of")
  func none() throws {
    let silence = [Float](repeating: 0, count: 96_000)
    #expect(try Self.grid(silence, Self.coarse) == nil)
    #expect(try Self.grid([0.5], Self.coarse) == nil)
    #expect(try Self.grid(Array(Self.drums(bpm: 120, from: 0, seconds: 0.05)), Self.fine) == nil)
    let noise = SyntheticSound.noise(count: 12 * 24_000, seed: 5)
    if let grid = try Self.grid(noise, Self.coarse) { #expect(grid.clarity < 2) }
  }
}
