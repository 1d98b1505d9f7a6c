/// A second seed, and how far the noise has moved to it on the sphere.
public struct NoiseDrift: Sendable, Hashable {
  /// Where the noise goes; its own draw is as if the request had named it.
  public var seed: UInt64
  /// 0 (the request's own seed) to 1 (this one).
  public var share: Double

  /// ``DiffusionModel/begin(_:)`` checks the share.
  public init(to seed: UInt64, share: Double) {
    self.seed = seed
    self.share = share
  }
}
