/// How one of a job's denoising steps is made, as far as its cost depends on it.
public struct StepKind: Sendable, Hashable {
  /// Whether the negative prompt takes part.
  public let isGuided: Bool
  /// Whether the deep features of a step before stand in for the U-Net's deep layers (DeepCache).
  public let isShallow: Bool

  /// Of each of a request's steps, of which `steps` are run.
  static func all(of request: DiffusionRequest, steps: Int) -> [StepKind] {
    /// Whether the last step with deep layers had features of both prompts.
    var hasBoth = false
    return (0..<steps).map { step in
      let isGuided = request.isGuided && request.guidanceInterval.contains(step, of: steps)
      let isShallow = step % request.deepCacheInterval != 0 && (hasBoth || !isGuided)
      if !isShallow { hasBoth = isGuided }
      return StepKind(isGuided: isGuided, isShallow: isShallow)
    }
  }
}
