extension DiffusionModel {
  /// Tokens that a prompt has, before it is cut to ``DiffusionModelInfo/maximumPromptTokens``.
  public func promptTokenCount(_ prompt: String) -> Int {
    checkpoint.tokenizer.encode(prompt).textTokens
  }
}
