/// The denoising steps that guidance is applied at; at the others the model runs once, for the prompt alone.
/// Kynkäänniemi et al., 2024 (arXiv:2404.07724).
///
/// Both ends are shares of the steps that are run, as `start` and `stop` of diffusers' guiders (0.42): of n
/// steps, those from int(start · n) on, up to int(stop · n) and without that one. Where a sampler runs the
/// model more often than there are steps (PNDM, Heun), they are shares of its runs.
public struct GuidanceInterval: Sendable, Hashable {
  /// All steps.
  public static let whole = GuidanceInterval(start: 0, stop: 1)

  /// 0 to 1, below ``stop``.
  public var start: Double
  /// At most 1.
  public var stop: Double

  /// Checks nothing; ``DiffusionModel/begin(_:)`` does.
  public init(start: Double, stop: Double) {
    self.start = start
    self.stop = stop
  }

  /// The same end, from the first step on.
  public var fromTheFirstStep: GuidanceInterval { GuidanceInterval(start: 0, stop: stop) }

  /// Whether guidance is applied at step `step` of `steps`, from 0.
  func contains(_ step: Int, of steps: Int) -> Bool {
    Int(start * Double(steps)) <= step && step < Int(stop * Double(steps))
  }

  /// Throws `invalidArgument`. Written so that NaN fails.
  func validate() throws(DiffusionError) {
    guard 0...1 ~= start else {
      throw .invalid("guidance_start", "must be 0 to 1, not \(start)")
    }
    guard stop > start, stop <= 1 else {
      throw .invalid("guidance_stop", "must be above guidance_start and at most 1, not \(stop)")
    }
  }
}
