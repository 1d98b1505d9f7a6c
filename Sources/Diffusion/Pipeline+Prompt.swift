extension Pipeline {
  /// What the text encoder makes of the prompts: [batch, tokens, 1, hidden size], the negative one
  /// first where there is guidance.
  func embedding(of request: DiffusionRequest, guided: Bool) throws(DiffusionError) -> Tensor {
    let prompts = guided ? [request.negativePrompt, request.prompt] : [request.prompt]
    return try checkpoint.textEncoder.forward(
      prompts.map { checkpoint.tokenizer.encode($0).tokens }, compute)
  }
}
