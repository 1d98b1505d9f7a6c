/// A prompt as the text encoder takes it: chunks of begin, text, end and padding.
struct PromptEncoding: Sendable, Hashable {
  /// All of the tokenizer's length.
  let chunks: [[Int32]]
  /// What the hidden state of each token is multiplied by, chunk after chunk; nil: not at all.
  let weights: [Float]?
  /// Tokens of the text, before it was cut and without begin and end.
  let textTokens: Int
}
