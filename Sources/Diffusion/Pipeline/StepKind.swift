/// How one of a job's denoising steps is made, as far as its cost depends on it.
public struct StepKind: Sendable, Hashable {
  /// Whether the negative prompt takes part.
  public let isGuided: Bool

  /// Of each of a request's steps, of which `steps` are run.
  static func all(of request: DiffusionRequest, steps: Int) -> [StepKind] {
    (0..<steps).map { step in
      StepKind(
        isGuided: request.isGuided && request.guidanceInterval.contains(step, of: steps))
    }
  }
}
