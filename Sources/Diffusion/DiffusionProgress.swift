/// How far a picture is.
public struct DiffusionProgress: Sendable, Hashable {
  /// The part of the work that a picture is in; they come in this order.
  public enum Stage: Sendable, Hashable {
    /// The initial picture is being encoded: `step` parts of `steps` are done.
    case encoding
    /// `step` denoising steps of `steps` are done: reported before every step and after the last.
    case denoising
    /// The picture is being decoded: `step` parts of `steps` are done.
    case decoding
  }

  /// What ``step`` and ``steps`` count.
  public let stage: Stage
  /// Done so far, 0 to ``steps``.
  public let step: Int
  /// In this stage, at least 1.
  public let steps: Int

  /// A report of `step` of `steps`.
  public init(stage: Stage, step: Int, steps: Int) {
    self.stage = stage
    self.step = step
    self.steps = steps
  }
}
