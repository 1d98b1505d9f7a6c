internal import Cores

extension DiffusionSession {
  /// What the text encoder makes of the prompts, the negative one first where there is guidance.
  /// There are as many tokens as the encoder takes, or twice or three times as many; a prompt as a
  /// whole is its first so many, without their weights.
  ///
  /// Throws `invalidArgument` for weights that leave no finite embedding.
  func embedding(
    _ encodings: [PromptEncoding], _ compute: Compute
  ) throws(DiffusionError) -> PromptEmbedding {
    let prompts = request.prompts
    let states = try checkpoint.textEncoder.forward(encodings.flatMap(\.chunks), compute)
    let whole = try Self.whole(
      states, encodings, end: checkpoint.tokenizer.end, compute)
    guard states.isFinite else { throw notFinite("text encoding") }
    // The chunks of a prompt follow each other in memory: they are one long item.
    let embedding = Tensor(
      data: states.data, batch: prompts.count, height: states.rows / prompts.count, width: 1,
      channels: states.channels)
    for (item, encoding) in encodings.enumerated() {
      guard let weights = encoding.weights else { continue }
      Self.weight(embedding.item(item), weights)
      guard embedding.item(item).isFinite else {
        throw .invalid(
          prompts[item].field, "has weights that are too large; choose smaller ones")
      }
    }
    return PromptEmbedding(tokens: blended(embedding), whole: blended(whole))
  }

  /// The states at each prompt's first end token, [prompts, 1, 1, channels].
  static func whole(
    _ states: Tensor, _ encodings: [PromptEncoding], end: Int32, _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let whole = try compute.arena.tensor(
      batch: encodings.count, height: 1, width: 1, channels: states.channels)
    var chunk = 0
    for (item, encoding) in encodings.enumerated() {
      // Every chunk has an end.
      let place = encoding.chunks[0].firstIndex(of: end) ?? 0
      whole.row(item).update(
        from: states.item(chunk).row(place), count: states.channels)
      chunk += encoding.chunks.count
    }
    return whole
  }

  /// Mixes further prompts into the first, in place, as riffusion does: start + α (end − start).
  private func blended(_ embedding: Tensor) -> Tensor {
    let batch = request.isGuided ? 2 : 1
    let prompt = embedding.item(batch - 1)
    let first = Array(prompt.floats)
    for (index, other) in request.blend.enumerated() {
      let text = embedding.item(batch + index)
      for place in first.indices {
        prompt.data[place] += Float(other.share) * (text.data[place] - first[place])
      }
    }
    return Tensor(
      data: embedding.data, batch: batch, height: embedding.height, width: embedding.width,
      channels: embedding.channels)
  }

  /// Multiplies every token by its weight, then all of them so that the mean is what it was.
  private static func weight(_ embedding: Tensor, _ weights: [Float]) {
    let before = mean(embedding)
    for (token, weight) in weights.enumerated() {
      let row = embedding.row(token)
      for channel in 0..<embedding.channels { row[channel] *= weight }
    }
    let after = mean(embedding)
    guard before != after else { return }
    let scale = before / after
    for index in 0..<embedding.count { embedding.data[index] *= scale }
  }

  private static func mean(_ embedding: Tensor) -> Float {
    Float(embedding.floats.reduce(0) { $0 + Double($1) } / Double(embedding.count))
  }
}
