extension DiffusionRequest {
  /// Whether the negative prompt takes part.
  var isGuided: Bool { guidanceScale > 1 }

  /// What the text encoder gets to see, the negative prompt first, by the name of its field.
  func prompts(guided: Bool) -> [(field: String, text: String)] {
    guided
      ? [("negative_prompt", negativePrompt), ("prompt", prompt)] : [("prompt", prompt)]
  }
}
