internal import CDiffusionKernels
internal import Cores
internal import Provenance

/// transformers' `CLIPTextModel`: a causal transformer whose last hidden state, normalised, is the
/// prompt's embedding. Radford et al., 2021 (arXiv:2103.00020).
struct CLIPTextModel: Sendable {
  let hiddenSize: Int
  let vocabularySize: Int
  let maximumLength: Int
  let parameterCount: Int
  let weights: [any StoredWeight]
  let fingerprint: Fingerprint
  private let tokenEmbedding: EmbeddingTable
  private let positionEmbedding: EmbeddingTable
  private let layers: [CLIPEncoderLayer]
  private let finalNorm: LayerNorm

  /// Loads a checkpoint's `text_encoder`.
  init(_ part: CheckpointPart, warnings: inout [String]) throws(DiffusionError) {
    let config = part.config
    try config.refuseNull(
      "hidden_size", "vocab_size", "max_position_embeddings", "intermediate_size",
      "num_hidden_layers", "num_attention_heads", "layer_norm_eps", "hidden_act")
    hiddenSize = try config.integer("hidden_size", default: 512, in: 1...16384)
    vocabularySize = try config.integer("vocab_size", default: 49408, in: 1...10_000_000)
    maximumLength = try config.integer("max_position_embeddings", default: 77, in: 3...4096)
    let inner = try config.integer("intermediate_size", default: 2048, in: 1...65536)
    let count = try config.integer("num_hidden_layers", default: 12, in: 1...256)
    let heads = try config.integer("num_attention_heads", default: 8, in: 1...1024)
    let epsilon = try config.positive("layer_norm_eps", default: 1e-5)
    let activation = try config.string("hidden_act", default: "quick_gelu")
    guard let activation = CLIPActivation(rawValue: activation) else {
      throw config.failure(
        "hidden_act", "is \(activation); quick_gelu and gelu are supported")
    }
    guard hiddenSize % heads == 0 else {
      throw config.failure("num_attention_heads", "is \(heads), no divisor of \(hiddenSize)")
    }
    let reader = part.weights
    let prefixed = reader.contains("text_model.final_layer_norm.weight")
    let root = prefixed ? reader.root["text_model"] : reader.root
    let embeddings = root["embeddings"]
    tokenEmbedding = reader.table(
      try embeddings["token_embedding"].stored(
        "weight", rows: vocabularySize, columns: hiddenSize), columns: hiddenSize)
    positionEmbedding = reader.table(
      try embeddings["position_embedding"].stored(
        "weight", rows: maximumLength, columns: hiddenSize), columns: hiddenSize)
    var layers: [CLIPEncoderLayer] = []
    for index in 0..<count {
      layers.append(
        try CLIPEncoderLayer(
          root["encoder"]["layers", index], channels: hiddenSize, inner: inner, heads: heads,
          epsilon: epsilon, activation: activation))
    }
    self.layers = layers
    finalNorm = try LayerNorm(root["final_layer_norm"], channels: hiddenSize, epsilon: epsilon)
    parameterCount = reader.parameterCount
    weights = reader.weights
    fingerprint = try reader.finish(
      ignoring: { $0.hasSuffix("position_ids") || $0 == "text_projection.weight" },
      warnings: &warnings)
  }

  /// `tokens` are encodings of equal length, at most `maximumLength`, one an item of the batch;
  /// the result is [batch, tokens, 1, hiddenSize].
  func forward(
    _ tokens: [[Int32]], _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let length = tokens.first?.count ?? 0
    guard length <= maximumLength, tokens.allSatisfy({ $0.count == length }) else {
      throw .internal("an encoding of \(length) tokens does not fit the text encoder")
    }
    let x = try compute.arena.tensor(
      batch: tokens.count, height: length, width: 1, channels: hiddenSize)
    let position = try compute.arena.floats(hiddenSize)
    for (item, tokens) in tokens.enumerated() {
      for (place, token) in tokens.enumerated() {
        guard 0..<vocabularySize ~= Int(token) else {
          throw .internal("token \(token) is outside the text encoder's vocabulary")
        }
        let row = x.row(item * length + place)
        try tokenEmbedding.copy(row: Int(token), to: row)
        try positionEmbedding.copy(row: place, to: position)
        dk_start_rows(row, hiddenSize, row, hiddenSize, position, 1, hiddenSize)
      }
    }
    for layer in layers { try layer.forward(x, compute) }
    finalNorm.forward(x, into: x, compute)
    return x
  }
}
