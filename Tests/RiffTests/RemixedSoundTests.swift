import Cores
import Foundation
import Riff
import Spectrogram
import Testing

@Suite("A remix that keeps the clip's groove")
struct RemixedSoundTests {
  /// Riff-mini's.
  static let parameters = SpectrogramParameters(
    sampleRate: 24_000, stepMilliseconds: 20, windowMilliseconds: 80, paddedMilliseconds: 160,
    melBins: 256)

  static func sine(_ frequency: Double, rate: Int) -> [Float] {
    (0..<2 * rate).map { Float(0.5 * sin(2 * .pi * frequency * Double($0) / Double(rate))) }
  }

  static func remixed(_ edit: PictureEdit, _ sound: [[Float]]) throws -> [[Float]] {
    let path = try RemixedSound(
      edit, parameters: parameters, channels: sound.count, quality: .draft,
      pool: ComputePool(threads: 2))
    var result = [[Float]](repeating: [], count: sound.count)
    for start in stride(from: 0, to: sound[0].count, by: 10_000) {
      let part = try path.append(
        sound.map { Array($0[start..<min(start + 10_000, sound[0].count)]) })
      for channel in result.indices { result[channel] += part[channel] }
    }
    for (channel, part) in try path.finish().enumerated() { result[channel] += part }
    return result
  }

  static func level(_ sound: some Collection<Float>) -> Double {
    10 * log10(max(1e-20, sound.reduce(0) { $0 + Double($1 * $1) } / Double(max(1, sound.count))))
  }

  @Test("silence with a tone painted into it sounds like the tone, in every channel")
  func painted() throws {
    let tone = Self.sine(440, rate: 24_000)
    let mel = try SpectrogramAnalyzer(Self.parameters).analyze([tone])
    let silence = try SpectrogramAnalyzer(Self.parameters).analyze([tone.map { _ in 0 }])
    let edit = try PictureEdit(
      source: silence, unchanged: silence, edited: mel, maximum: Double(mel.maximum))
    let sound = try Self.remixed(
      edit, [[Float]](repeating: .init(repeating: 0, count: 96_000), count: 2))
    #expect(sound[0] == sound[1])
    #expect(sound[0].count == 96_000)
    #expect(abs(Self.level(sound[0][5_000..<90_000]) - Self.level(tone)) < 1)
  }

  @Test("what nobody painted over is the clip to the sample, stereo and all")
  func unchanged() throws {
    let sound = [Self.sine(300, rate: 48_000), Self.sine(15_000, rate: 48_000)]
    let mel = try SpectrogramAnalyzer(Self.parameters).analyze([Self.sine(300, rate: 24_000)])
    let edit = try PictureEdit(
      source: mel, unchanged: mel, edited: mel, maximum: Double(mel.maximum))
    for (channel, own) in zip(try Self.remixed(edit, sound), sound) {
      #expect(channel.count == own.count)
      #expect(Self.level(zip(channel, own).map { $0 - $1 }) < Self.level(own) - 100)
    }
  }
}
