/// `text_encoder/config.json` of a Stable Diffusion 1.x model, as far as the plan needs it.
struct TextEncoderPlan: Decodable {
  let hiddenSize: Int
  let intermediateSize: Int
  let maxPositionEmbeddings: Int
  let numHiddenLayers: Int
  let vocabSize: Int

  /// One run on one prompt of the greatest length.
  var plan: ModelPlan {
    var plan = ModelPlan()
    let width = self.hiddenSize
    let tokens = self.maxPositionEmbeddings
    plan.table("text_model.embeddings.token_embedding", self.vocabSize, width)
    plan.table("text_model.embeddings.position_embedding", tokens, width)
    for layer in 0..<self.numHiddenLayers {
      let name = "text_model.encoder.layers.\(layer)"
      plan.norm("\(name).layer_norm1", width)
      for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        plan.linear("\(name).self_attn.\(part)", width, width, rows: tokens)
      }
      plan.attention(queries: tokens, keys: tokens, channels: width)
      plan.norm("\(name).layer_norm2", width)
      plan.linear("\(name).mlp.fc1", width, self.intermediateSize, rows: tokens)
      plan.linear("\(name).mlp.fc2", self.intermediateSize, width, rows: tokens)
    }
    plan.norm("text_model.final_layer_norm", width)
    return plan
  }
}
