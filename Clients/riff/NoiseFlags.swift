import ArgumentParser
import RiffProtocol

/// Where the noise begins and how closely the words are followed, for the commands that have one prompt at a
/// time.
struct NoiseFlags: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: """
      Where the noise begins, a whole number from 0; the same seed, the same music. (default: random)
      """,
    transform: Value.whole(0...UInt64.max))
  var seed: UInt64?
  @Option(
    parsing: .unconditional, help: "Guidance scale, 0 to 100. (default: the model's own)",
    transform: Value.number(0...100))
  var guidance: Float?

  /// What the flags say, in a request that may say something already.
  func change(_ request: inout Riff_V1_GenerateRequest) {
    if let seed { request.seed = seed }
    if let guidance { request.guidanceScale = guidance }
  }
}
