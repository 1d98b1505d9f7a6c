/// A prompt that is too long to reach the model whole.
public struct PromptCut: Sendable, Hashable {
  /// `prompt` or `negative_prompt`.
  public let field: String
  /// Tokens it has; signs that only set weights are none.
  public let tokens: Int
  /// Tokens that reach the model: the first ones.
  public let kept: Int

  package init(field: String, tokens: Int, kept: Int) {
    self.field = field
    self.tokens = tokens
    self.kept = kept
  }
}
