internal import CDiffusionKernels

/// transformers' `CLIPTextModel`: a causal transformer whose last hidden state, normalised, is the
/// prompt's embedding. Radford et al., 2021 (arXiv:2103.00020).
struct CLIPTextModel: Sendable {
  let hiddenSize: Int
  let vocabularySize: Int
  let maximumLength: Int
  let parameterCount: Int
  let weights: [MatrixWeight]
  private let tokenEmbedding: MatrixWeight
  private let positionEmbedding: MatrixWeight
  private let layers: [CLIPEncoderLayer]
  private let finalNorm: LayerNorm

  /// Loads `text_encoder/`.
  init(folder: String) throws(DiffusionError) {
    let config = try ConfigReader(path: "\(folder)/config.json")
    hiddenSize = try config.integer("hidden_size", default: 512, in: 1...16384)
    vocabularySize = try config.integer("vocab_size", default: 49408, in: 1...10_000_000)
    maximumLength = try config.integer("max_position_embeddings", default: 77, in: 3...4096)
    let inner = try config.integer("intermediate_size", default: 2048, in: 1...65536)
    let count = try config.integer("num_hidden_layers", default: 12, in: 1...256)
    let heads = try config.integer("num_attention_heads", default: 8, in: 1...1024)
    let epsilon = Float(try config.double("layer_norm_eps", default: 1e-5))
    let activation = try config.string("hidden_act", default: "quick_gelu")
    guard let activation = CLIPActivation(rawValue: activation) else {
      throw config.failure(
        "hidden_act", "is \(activation); quick_gelu and gelu are supported")
    }
    guard hiddenSize % heads == 0 else {
      throw config.failure("num_attention_heads", "is \(heads), no divisor of \(hiddenSize)")
    }
    let reader = try WeightReader(folder: folder, stem: "model")
    let prefixed = reader.contains("text_model.final_layer_norm.weight")
    let root = prefixed ? reader.root["text_model"] : reader.root
    let embeddings = root["embeddings"]
    tokenEmbedding = reader.matrix(
      [
        try embeddings["token_embedding"].stored(
          "weight", rows: vocabularySize, columns: hiddenSize)
      ], columns: hiddenSize)
    positionEmbedding = reader.matrix(
      [
        try embeddings["position_embedding"].stored(
          "weight", rows: maximumLength, columns: hiddenSize)
      ], columns: hiddenSize)
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
    weights = reader.matrices
    try reader.finish { $0.hasSuffix("position_ids") || $0 == "text_projection.weight" }
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
    let table = try tokenEmbedding.pointer()
    let positions = try positionEmbedding.pointer()
    for (item, tokens) in tokens.enumerated() {
      for (place, token) in tokens.enumerated() {
        guard 0..<vocabularySize ~= Int(token) else {
          throw .internal("token \(token) is outside the text encoder's vocabulary")
        }
        dk_start_rows(
          x.row(item * length + place), hiddenSize, table + Int(token) * hiddenSize, hiddenSize,
          positions + place * hiddenSize, 1, hiddenSize)
      }
    }
    for layer in layers { try layer.forward(x, compute) }
    finalNorm.forward(x, into: x, compute)
    return x
  }
}

/// The activations CLIP's text encoders use.
enum CLIPActivation: String, Sendable {
  case quickGELU = "quick_gelu"
  case gelu
}

/// transformers' `CLIPEncoderLayer`: causal self-attention and a two-layer perceptron.
struct CLIPEncoderLayer: Sendable {
  let norm1: LayerNorm
  let projection: Linear
  let attention: ScaledDotProductAttention
  let output: Linear
  let norm2: LayerNorm
  let linear1: Linear
  let activation: CLIPActivation
  let linear2: Linear

  init(
    _ scope: WeightScope, channels: Int, inner: Int, heads: Int, epsilon: Float,
    activation: CLIPActivation
  ) throws(DiffusionError) {
    let own = scope["self_attn"]
    norm1 = try LayerNorm(scope["layer_norm1"], channels: channels, epsilon: epsilon)
    projection = try Linear(
      [own["q_proj"], own["k_proj"], own["v_proj"]], in: channels, out: channels, bias: true)
    attention = ScaledDotProductAttention(
      heads: heads, headDimension: channels / heads, causal: true)
    output = try Linear(own["out_proj"], in: channels, out: channels)
    norm2 = try LayerNorm(scope["layer_norm2"], channels: channels, epsilon: epsilon)
    linear1 = try Linear(scope["mlp"]["fc1"], in: channels, out: inner)
    self.activation = activation
    linear2 = try Linear(scope["mlp"]["fc2"], in: inner, out: channels)
  }

  /// In place.
  func forward(_ x: Tensor, _ compute: Compute) throws(DiffusionError) {
    let arena = compute.arena
    let mark = arena.mark()
    defer { arena.release(to: mark) }
    let channels = x.channels
    let normed = try arena.tensor(like: x)
    norm1.forward(x, into: normed, compute)
    let joined = try arena.tensor(like: x, channels: 3 * channels)
    try projection.forward(normed, into: joined, compute)
    try attention.forward(
      query: Rows(joined), key: Rows(data: joined.data + channels, stride: 3 * channels),
      value: Rows(data: joined.data + 2 * channels, stride: 3 * channels), batch: x.batch,
      queries: x.rowsPerItem, keys: x.rowsPerItem, into: Rows(normed), compute)
    try output.forward(normed, into: x, residual: x, compute)
    norm2.forward(x, into: normed, compute)
    let hidden = try arena.tensor(like: x, channels: linear1.outFeatures)
    try linear1.forward(normed, into: hidden, compute)
    let activation = activation
    compute.pool.split(x.rows, grain: max(1, (1 << 13) / hidden.channels)) { rows in
      let count = rows.count * hidden.channels
      switch activation {
      case .quickGELU: dk_quick_gelu(hidden.row(rows.lowerBound), count)
      case .gelu: dk_gelu(hidden.row(rows.lowerBound), count)
      }
    }
    try linear2.forward(hidden, into: x, residual: x, compute)
  }
}
