/// A further prompt, and how much of it there is.
public struct PromptShare: Sendable, Hashable {
  /// UTF-8, at most ``DiffusionRequest/maximumPromptBytes``.
  public var text: String
  /// 0 to 1.
  public var share: Double

  /// ``DiffusionModel/begin(_:)`` checks that all shares together are at most 1.
  public init(_ text: String, share: Double) {
    self.text = text
    self.share = share
  }
}
