import ArgumentParser
import RiffProtocol

/// How sound is made and written, for the commands that make it.
struct SoundFlags: ParsableArguments {
  /// How much work goes into a picture's phases.
  enum Quality: String, CaseIterable, ExpressibleByArgument {
    case draft, normal, best

    var value: Riff_V1_Quality {
      switch self {
      case .draft: .draft
      case .normal: .normal
      case .best: .best
      }
    }
  }

  @Option(
    help: """
      How close the sound comes to the picture: draft takes a third of normal's work, best three \
      times as much. (default: normal)
      """)
  var quality: Quality?
  @Option(
    help: ArgumentHelp(
      """
      Opus bit rate, 6000 to 510000. (default: 96000 for one channel, 160000 for two)
      """, valueName: "bit/s"))
  var bitrate: UInt32?
  @Option(
    help: ArgumentHelp(
      "What a .wav holds: f32, 32-bit floats, or s24, 24-bit integers. (default: f32)",
      valueName: "format"))
  var wavFormat: WAVFormat?

  /// Where `-o` says the sound goes.
  ///
  /// - Throws: `ValidationError`, also where `--wav-format` is given and no .wav is written.
  func destination(path: String?, fallback: @autoclosure () -> String) throws -> Destination {
    let destination = try Destination(
      path: path, wavFormat: self.wavFormat ?? .f32, fallback: fallback())
    if self.wavFormat != nil {
      guard case .wav = destination else {
        throw ValidationError("--wav-format says what a .wav holds; name one with -o")
      }
    }
    return destination
  }
}
