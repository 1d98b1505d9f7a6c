/// A further prompt, and how much of it there is.
public struct PromptShare: Sendable, Hashable {
  public var text: String
  /// 0 to 1.
  public var share: Double

  public init(_ text: String, share: Double) {
    self.text = text
    self.share = share
  }
}
