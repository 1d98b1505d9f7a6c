import Foundation
import Spectrogram
import Testing

@Suite("Spectrogram parameters")
struct ParametersTests {
  @Test("riffusion's defaults and the lengths it derives from them")
  func defaults() throws {
    let parameters = SpectrogramParameters()
    try parameters.validate()
    #expect(parameters.hopLength == 441)
    #expect(parameters.windowLength == 4_410)
    #expect(parameters.transformLength == 17_640)
    var other = parameters
    other.sampleRate = 22_050
    // int(5 / 1000 * 22050)
    other.stepMilliseconds = 5
    #expect(other.hopLength == 110)
  }

  @Test("a model's riff.json: its keys, defaults for those that are missing")
  func json() throws {
    let text = """
      {"sample_rate": 22050, "stereo": true, "step_ms": 20, "window_ms": 80, "padded_ms": 160,
       "mel_bins": 128, "min_frequency": 30, "max_frequency": 8000, "power": 0.5, "maximum": 3e6}
      """
    let decoder = JSONDecoder()
    let parameters = try decoder.decode(SpectrogramParameters.self, from: Data(text.utf8))
    #expect(
      parameters
        == SpectrogramParameters(
          sampleRate: 22_050, stereo: true, stepMilliseconds: 20, windowMilliseconds: 80,
          paddedMilliseconds: 160, melBins: 128, minFrequency: 30, maxFrequency: 8_000, power: 0.5))
    let empty = try decoder.decode(SpectrogramParameters.self, from: Data("{}".utf8))
    #expect(empty == SpectrogramParameters())
    let encoded = try JSONEncoder().encode(parameters)
    #expect(try decoder.decode(SpectrogramParameters.self, from: encoded) == parameters)
  }

  /// A parameter that is out of its range, and the name that says so.
  struct Fault: Sendable {
    let field: String
    let change: @Sendable (inout SpectrogramParameters) -> Void

    init(_ field: String, _ change: @escaping @Sendable (inout SpectrogramParameters) -> Void) {
      self.field = field
      self.change = change
    }
  }

  static let faults = [
    Fault("sample_rate") { $0.sampleRate = 999 },
    Fault("sample_rate") { $0.sampleRate = .max },
    Fault("step_ms") { $0.stepMilliseconds = 0 },
    Fault("step_ms") { $0.stepMilliseconds = .max },
    Fault("window_ms") { $0.windowMilliseconds = 19 },
    Fault("window_ms") { $0.windowMilliseconds = 641 },
    Fault("window_ms") { $0.windowMilliseconds = .min },
    Fault("padded_ms") { $0.paddedMilliseconds = 99 },
    Fault("padded_ms") { $0.paddedMilliseconds = 2_001 },
    Fault("mel_bins") { $0.melBins = 0 },
    Fault("mel_bins") { $0.melBins = 4_097 },
    Fault("min_frequency") { $0.minFrequency = -1 },
    Fault("max_frequency") { $0.maxFrequency = 0 },
    Fault("max_frequency") { $0.maxFrequency = .max },
    Fault("power") { $0.power = .nan },
    Fault("power") { $0.power = 0 },
    Fault("power") { $0.power = .infinity },
  ]

  @Test("a parameter out of its range is refused by name", arguments: faults)
  func ranges(fault: Fault) throws {
    var parameters = SpectrogramParameters()
    fault.change(&parameters)
    let error = try #require(throws: SpectrogramError.self) { try parameters.validate() }
    #expect(error.kind == .invalidParameter)
    #expect(error.field == fault.field)
    #expect(throws: SpectrogramError.self) { try SpectrogramAnalyzer(parameters) }
  }

  @Test(
    "the corners of what is allowed work",
    arguments: [
      SpectrogramParameters(
        sampleRate: 1_000, stepMilliseconds: 1, windowMilliseconds: 2, paddedMilliseconds: 2,
        melBins: 1, maxFrequency: 1),
      SpectrogramParameters(
        sampleRate: 384_000, stepMilliseconds: 500, windowMilliseconds: 1_000,
        paddedMilliseconds: 2_000, melBins: 4_096, maxFrequency: 192_000, power: 4),
      SpectrogramParameters(
        sampleRate: 16_001, stepMilliseconds: 3, windowMilliseconds: 7, paddedMilliseconds: 7,
        melBins: 64, minFrequency: 99_999, maxFrequency: 100_000, power: 0.05),
      SpectrogramParameters(
        sampleRate: 44_100, stepMilliseconds: 1, windowMilliseconds: 64, paddedMilliseconds: 64,
        melBins: 300, maxFrequency: 22_050),
    ])
  func corners(parameters: SpectrogramParameters) throws {
    try parameters.validate()
    let sound = SyntheticSound.music(
      count: parameters.sampleRate / 20, rate: parameters.sampleRate)
    let mel = try SpectrogramAnalyzer(parameters).analyze([sound])
    let picture = try SpectrogramPicture(mel, parameters: parameters)
    let stream = try PhaseRecoveryStream(picture, effort: RecoveryEffort(rounds: 1))
    let (recovered, _) = try stream.all()
    #expect(recovered[0].count == stream.sampleCount)
    #expect(
      stream.sampleCount == mel.frames * parameters.stepMilliseconds * stream.sampleRate / 1000)
    #expect(recovered[0].allSatisfy { $0.isFinite })
  }
}
