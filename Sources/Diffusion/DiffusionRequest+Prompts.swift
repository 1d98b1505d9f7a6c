extension DiffusionRequest {
  /// Whether the negative prompt takes part in steps of ``guidanceInterval``.
  public var isGuided: Bool { guidanceScale > 1 }

  /// What the text encoder gets to see, the negative prompt first and what is mixed into the prompt
  /// last, by the name of its field.
  var prompts: [(field: String, text: String)] {
    (isGuided ? [("negative_prompt", negativePrompt)] : []) + [("prompt", prompt)]
      + blend.map { ("prompt", $0.text) }
  }

  /// Those as tokens.
  func encodings(by encoder: PromptEncoder) -> [PromptEncoding] {
    encoder.encode(prompts.map(\.text), weighting: promptWeighting)
  }

  /// The prompts of which not all tokens are kept.
  func promptCuts(_ encodings: [PromptEncoding], by encoder: PromptEncoder) -> [PromptCut] {
    zip(prompts, encodings).compactMap { prompt, encoding in
      let limit = encoder.limit(of: encoding)
      guard encoding.textTokens > limit else { return nil }
      return PromptCut(field: prompt.field, tokens: encoding.textTokens, kept: limit)
    }
  }
}
