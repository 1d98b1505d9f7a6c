import ArgumentParser
import RiffProtocol

/// What makes steps cheaper, at a price, for the commands that paint.
struct StepFlags: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Guidance only from one share of the steps to another, such as 0.2-0.8: the others take half the time. \
      (default: the model's own, from the first step on where a clip or a picture is given; else 0-1)
      """,
      valueName: "a-b"),
    transform: GuidanceInterval.read)
  var guidanceInterval: GuidanceInterval?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Run the model's deep layers at every n-th step only, 1 to 100, and reuse what they gave at the others: \
      faster, and another picture. (default: 1)
      """,
      valueName: "n"),
    transform: Value.whole(1...100))
  var deepCache: UInt32?

  /// What the flags say, in a request that may say something already.
  func change(_ request: inout Riff_V1_GenerateRequest) {
    if let guidanceInterval {
      request.guidanceStart = guidanceInterval.start
      request.guidanceStop = guidanceInterval.stop
    }
    if let deepCache { request.deepCacheInterval = deepCache }
  }

  /// Shares of the steps.
  struct GuidanceInterval {
    let start: Double
    let stop: Double

    static let read: @Sendable (String) throws -> GuidanceInterval = { text in
      let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Double($0) }
      guard ends.count == 2, let start = ends[0], let stop = ends[1], 0 <= start, start < stop,
        stop <= 1
      else {
        throw ValidationError(
          "must be two numbers from 0 to 1, the second one larger, such as 0.2-0.8")
      }
      return GuidanceInterval(start: start, stop: stop)
    }
  }
}
