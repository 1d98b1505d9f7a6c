/// What the text encoder makes of prompts. Its maps live in the arena's scope in which they were made.
struct PromptEmbedding {
  /// [batch, tokens, 1, hidden size].
  let tokens: Tensor
  /// [batch, 1, 1, hidden size]: each prompt as a whole, the encoder's output at its first end token
  /// (transformers' `pooler_output`).
  let whole: Tensor
}
