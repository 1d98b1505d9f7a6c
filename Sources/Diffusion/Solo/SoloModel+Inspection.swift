internal import Cores

/// The stages of a picture one by one. Maps are channels-last arrays.
extension SoloModel {
  /// The prompt's token numbers as diffusers' pipeline pads them.
  package func tokens(_ prompt: String) -> [Int32] {
    chunks([prompt], weighting: false)[0][0]
  }

  /// Token numbers of prompts that are encoded together, as the text encoder takes them.
  package func chunks(_ prompts: [String], weighting: Bool) -> [[[Int32]]] {
    PromptEncoder(tokenizer: model.checkpoint.tokenizer).encode(prompts, weighting: weighting)
      .map(\.chunks)
  }

  /// What the U-Net gets to see of a request's prompts: prompts × tokens × hidden size, the negative
  /// one first where there is guidance.
  package func embedding(of request: DiffusionRequest) throws -> [Float] {
    let session = try model.begin(request)
    return try withCompute { compute in
      Array(try session.embedding(session.encodings, compute).tokens.floats)
    }
  }

  /// The text encoder's last hidden state: prompts × tokens × hidden size.
  package func embedding(_ prompts: [String]) throws -> [Float] {
    let parts = model.checkpoint
    return try withCompute { compute in
      let tokens = PromptEncoder(tokenizer: parts.tokenizer).encode(prompts, weighting: false)
      return Array(try parts.textEncoder.forward(tokens.flatMap(\.chunks), compute).floats)
    }
  }

  /// Each prompt as a whole, the text encoder's output at its first end token: prompts × hidden size.
  package func wholes(_ prompts: [String]) throws -> [Float] {
    let parts = model.checkpoint
    return try withCompute { compute in
      let encodings = PromptEncoder(tokenizer: parts.tokenizer).encode(prompts, weighting: false)
      let states = try parts.textEncoder.forward(encodings.flatMap(\.chunks), compute)
      return Array(
        try DiffusionSession.whole(states, encodings, end: parts.tokenizer.end, compute).floats)
    }
  }

  /// One run of the U-Net on [batch, height, width, channels] latents, `repetitions` times over.
  ///
  /// `embedding` has the batch's prompts, tokens × width each; `wholes` has them as wholes, width each,
  /// for U-Nets that take those, and `timeIDs` the numbers besides.
  package func predict(
    _ latents: [Float], batch: Int, height: Int, width: Int, timestep: Float, embedding: [Float],
    wholes: [Float]? = nil, timeIDs: [[Float]]? = nil, repetitions: Int = 1
  ) throws -> [Float] {
    let parts = model.checkpoint
    let embeddingWidth = parts.textEncoder.hiddenSize
    let channels = parts.unet.configuration.inChannels
    guard batch > 0, latents.count == batch * height * width * channels,
      embedding.count % (batch * embeddingWidth) == 0,
      wholes.map({ $0.count == batch * embeddingWidth }) ?? true
    else {
      throw DiffusionError.internal("latents or embedding do not have the stated sizes")
    }
    return try withCompute { compute in
      let input = try compute.arena.tensor(
        batch: batch, height: height, width: width, channels: channels)
      input.data.update(from: latents, count: latents.count)
      let text = try compute.arena.tensor(
        batch: batch, height: embedding.count / batch / embeddingWidth, width: 1,
        channels: embeddingWidth)
      text.data.update(from: embedding, count: embedding.count)
      let output = try compute.arena.tensor(
        like: input, channels: parts.unet.configuration.outChannels)
      let whole = try compute.arena.tensor(
        batch: batch, height: 1, width: 1, channels: embeddingWidth)
      whole.data.update(repeating: 0, count: whole.count)
      if let wholes { whole.data.update(from: wholes, count: wholes.count) }
      let context = try parts.unet.context(
        PromptEmbedding(tokens: text, whole: whole),
        timeIDs: timeIDs ?? Array(repeating: [], count: batch), compute)
      for _ in 0..<repetitions {
        try parts.unet.forward(
          input, timesteps: [timestep], items: [batch], context: context, into: output, compute)
      }
      return Array(output.floats)
    }
  }

  /// The picture [height, width, 3] of latents as the autoencoder's decoder takes them; `whole`: however wide
  /// it is, as a whole.
  package func decode(
    _ latents: [Float], height: Int, width: Int, whole: Bool = false
  ) throws -> [Float] {
    let parts = model.checkpoint
    let channels = parts.autoencoder.latentChannels
    guard latents.count == height * width * channels else {
      throw DiffusionError.internal("latents do not have the stated size")
    }
    return try withCompute { compute in
      let input = try OwnedMap(batch: 1, height: height, width: width, channels: channels)
      let autoencoder = parts.autoencoder
      if whole {
        return try input.withTensor { input in
          input.data.update(from: latents, count: latents.count)
          let decoded = try autoencoder.decode(
            input, of: width, wanted: 0..<width, check: { _ in }, compute)
          return Array(decoded.picture.floats)
        }
      }
      input.withTensor { $0.data.update(from: latents, count: latents.count) }
      let decoder = ColumnDecoder(autoencoder, input)
      let pictureWidth = width * autoencoder.pixelsPerColumn
      var values = [Float](
        repeating: 0, count: 3 * height * autoencoder.pixelsPerRow * pictureWidth)
      while decoder.done < decoder.parts {
        try decoder.next(compute, check: { _ in }) { row, column, decoded in
          let place = 3 * (row * pictureWidth + column)
          values.replaceSubrange(place..<place + decoded.count, with: decoded)
        }
      }
      return values
    }
  }

  /// The mean of the latents of a picture [height, width, 3], not scaled; `whole`: however wide it is, as a whole.
  package func encode(
    _ picture: [Float], height: Int, width: Int, whole: Bool = false
  ) throws -> [Float] {
    let autoencoder = model.checkpoint.autoencoder
    guard picture.count == height * width * 3, height % model.info.heightMultiple == 0,
      width % model.info.widthMultiple == 0
    else {
      throw DiffusionError.internal("the picture does not have the stated size")
    }
    return try withCompute { compute in
      func fill(_ columns: Range<Int>, _ map: Tensor) {
        for row in 0..<height {
          let first = 3 * (row * width + columns.lowerBound)
          map.row(row * columns.count).update(
            from: Array(picture[first..<first + 3 * columns.count]), count: 3 * columns.count)
        }
      }
      if whole {
        let input = try compute.arena.tensor(batch: 1, height: height, width: width, channels: 3)
        fill(0..<width, input)
        return Array(
          try autoencoder.encode(input, of: width, check: { _ in }, compute).mean.floats)
      }
      return Array(
        try autoencoder.encode(
          height: height / autoencoder.pixelsPerRow, width: width / autoencoder.pixelsPerColumn,
          fill: fill, check: { _ in }, compute
        ).mean.floats)
    }
  }
}
