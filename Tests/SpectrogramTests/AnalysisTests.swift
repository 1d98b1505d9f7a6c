import Foundation
import Spectrogram
import Testing

@Suite("Sound to picture")
struct AnalysisTests {
  static let stereo = SpectrogramParameters(
    sampleRate: 16_000, stereo: true, stepMilliseconds: 8, windowMilliseconds: 50,
    paddedMilliseconds: 130, melBins: 96, minFrequency: 60, maxFrequency: 7_500, power: 0.4)

  /// A sound, and the picture that another program made of it.
  struct Pictured: Sendable, CustomTestStringConvertible {
    let sound: String
    let picture: String
    let parameters: SpectrogramParameters
    var testDescription: String { picture }
  }

  static let pictured = [
    // By torchaudio, called as riffusion calls it.
    Pictured(sound: "tones", picture: "torch-tones", parameters: SpectrogramParameters()),
    Pictured(sound: "stereo", picture: "torch-stereo", parameters: stereo),
    // By the definition, written out in numpy.
    Pictured(sound: "tones", picture: "tones", parameters: SpectrogramParameters()),
    Pictured(sound: "stereo", picture: "stereo", parameters: stereo),
  ]

  @Test("equals riffusion's picture of the same sound", arguments: pictured)
  func equalsFixture(pictured: Pictured) throws {
    let parameters = pictured.parameters
    let sound = try Fixture.samples("\(pictured.sound).s16", channels: parameters.channels)
    let mel = try SpectrogramAnalyzer(parameters).analyze(sound)
    let ours = try SpectrogramPicture(mel, parameters: parameters)
    let theirs = try SpectrogramPicture(file: Fixture.bytes("\(pictured.picture).png"))

    #expect(theirs.hasEXIF)
    #expect(ours.parameters == theirs.parameters)
    #expect(abs(ours.maximum / theirs.maximum - 1) < 1e-4)
    try #require(ours.image.width == theirs.image.width)
    try #require(ours.image.height == theirs.image.height)
    let differences = zip(ours.image.pixels, theirs.image.pixels).map { abs(Int($0) - Int($1)) }
    let close = differences.count { $0 <= 1 }
    #expect(Double(close) >= 0.999 * Double(differences.count))
    #expect(differences.contains(0))
    // The picture is not blank: agreement means something.
    #expect(Set(theirs.image.pixels).count > 100)
  }

  @Test("mono takes the mean of the channels, stereo takes one twice where there is one")
  func channels() throws {
    let sound = try Fixture.samples("stereo.s16", channels: 2)
    var parameters = Self.stereo
    parameters.stereo = false
    let mean = zip(sound[0], sound[1]).map { ($0 + $1) / 2 }
    let analyzer = try SpectrogramAnalyzer(parameters)
    #expect(try analyzer.analyze(sound).values == analyzer.analyze([mean]).values)

    let doubled = try SpectrogramAnalyzer(Self.stereo).analyze([sound[0]])
    #expect(doubled.channels == 2)
    let half = doubled.values.count / 2
    #expect(Array(doubled.values.prefix(half)) == Array(doubled.values.suffix(half)))
  }

  @Test("any number of threads gives the same amplitudes", arguments: [2, 3, 64, 256])
  func threads(count: Int) throws {
    let sound = try Fixture.samples("stereo.s16", channels: 2)
    // More columns than one look, and not a whole number of tiles.
    let long = sound.map { channel in Array((0..<9).map { _ in channel }.joined().dropLast(777)) }
    let alone = try SpectrogramAnalyzer(Self.stereo).analyze(long)
    #expect(alone.frames > 300 && alone.frames % 32 != 0)
    #expect(try SpectrogramAnalyzer(Self.stereo, threads: count).analyze(long) == alone)
    #expect(throws: SpectrogramError.self) { try SpectrogramAnalyzer(Self.stereo, threads: 0) }
  }

  @Test("there is a column at 0 and one every whole step", arguments: [1, 2, 440, 441, 442, 5_000])
  func columns(count: Int) throws {
    let mel = try SpectrogramAnalyzer(SpectrogramParameters()).analyze([
      SyntheticSound.music(count: count, rate: 44_100)
    ])
    #expect(mel.frames == 1 + count / 441)
    #expect(mel.values.allSatisfy { $0.isFinite && $0 >= 0 })
  }

  @Test("silence is a white picture with maximum 0, which reads as silence")
  func silence() throws {
    let analyzer = try SpectrogramAnalyzer(SpectrogramParameters())
    let mel = try analyzer.analyze([[Float](repeating: 0, count: 10_000)])
    let picture = try SpectrogramPicture(mel, parameters: SpectrogramParameters())
    #expect(picture.image.pixels.allSatisfy { $0 == 255 })
    #expect(picture.maximum == 0)
    let again = try SpectrogramPicture(file: picture.png())
    #expect(try again.mel().maximum == 0)
  }

  @Test("what cannot be analysed is refused")
  func refusals() throws {
    let analyzer = try SpectrogramAnalyzer(SpectrogramParameters())
    func kind(_ sound: [[Float]]) -> SpectrogramError.Kind? {
      do {
        _ = try analyzer.analyze(sound)
        return nil
      } catch {
        return (error as? SpectrogramError)?.kind
      }
    }
    #expect(kind([]) == .invalidAudio)
    #expect(kind([[]]) == .invalidAudio)
    #expect(kind([[0, 0], [0]]) == .invalidAudio)
    let mel = try analyzer.analyze([[.nan, 0, 0, 0]])
    #expect(throws: SpectrogramError.self) {
      try SpectrogramPicture(mel, parameters: SpectrogramParameters())
    }
  }

  @Test("a check that throws ends the analysis")
  func cancels() throws {
    struct Stop: Error {}
    let analyzer = try SpectrogramAnalyzer(SpectrogramParameters())
    #expect(throws: Stop.self) {
      try analyzer.analyze([[Float](repeating: 0, count: 44_100)]) { throw Stop() }
    }
  }
}
