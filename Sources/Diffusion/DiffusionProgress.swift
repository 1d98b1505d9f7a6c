/// How far a picture is.
public struct DiffusionProgress: Sendable, Hashable {
  public enum Stage: Sendable, Hashable {
    /// The initial picture is being encoded: `step` parts of `steps` are done.
    case encoding
    /// `step` denoising steps of `steps` are done: reported before every step and after the last.
    case denoising
    /// The picture is being decoded: `step` parts of `steps` are done.
    case decoding
  }

  public let stage: Stage
  public let step: Int
  public let steps: Int

  public init(stage: Stage, step: Int, steps: Int) {
    self.stage = stage
    self.step = step
    self.steps = steps
  }
}
