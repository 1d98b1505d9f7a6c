extension DiffusionModel {
  /// The prompts of a request that will be cut; none where there is no guidance for the negative
  /// one to take part in.
  public func promptCuts(_ request: DiffusionRequest) -> [PromptCut] {
    let encoder = PromptEncoder(tokenizer: checkpoint.tokenizer)
    let prompts = request.prompts(guided: request.isGuided)
    let encodings = encoder.encode(prompts.map(\.text), weighting: request.promptWeighting)
    var cuts: [PromptCut] = []
    for (prompt, encoding) in zip(prompts, encodings) {
      let limit = encoder.limit(of: encoding)
      if encoding.textTokens > limit {
        cuts.append(PromptCut(field: prompt.field, tokens: encoding.textTokens, kept: limit))
      }
    }
    return cuts
  }
}
