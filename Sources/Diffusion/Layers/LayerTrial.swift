internal import Cores

/// Layers run by themselves on arrays, for tests. Their weights are in a file of their own, made ready
/// when they are first run.
package struct LayerTrial: Sendable {
  package struct Map: Sendable {
    package var batch: Int
    package var height: Int
    package var width: Int
    package var channels: Int

    package init(batch: Int, height: Int, width: Int, channels: Int) {
      self.batch = batch
      self.height = height
      self.width = width
      self.channels = channels
    }

    package var count: Int { batch * height * width * channels }
  }

  private let folder: String
  private let threads: Int
  private let instructions: Instructions
  private let library: ProductLibrary
  private let precision: Precision

  /// `folder` holds `weights.safetensors`.
  package init(
    folder: String, threads: Int, instructions: Instructions, library: ProductLibrary,
    precision: Precision = .f32
  ) {
    self.precision = precision
    self.library = library
    self.folder = folder
    self.threads = threads
    self.instructions = instructions
  }

  /// Layers `names` on the same rows, side by side; with biases where the first one has one.
  package func linear(
    _ names: [String], _ input: [Float], in inFeatures: Int, out outFeatures: Int,
    residual: [Float]?
  ) throws -> [Float] {
    let rows = input.count / inFeatures
    let reader = try WeightReader(folder: folder, stem: "weights")
    reader.precision = precision
    let layer = try Linear(
      names.map { reader.root[$0] }, in: inFeatures, out: outFeatures,
      bias: reader.contains("\(names[0]).bias"))
    return try run(
      Map(batch: 1, height: rows, width: 1, channels: inFeatures), input,
      Map(batch: 1, height: rows, width: 1, channels: layer.outFeatures), residual, nil
    ) { x, out, residual, compute in
      try layer.forward(x, into: out, residual: residual, compute)
    }
  }

  /// `padding` is before and after; nil leaves the algorithm to the layer.
  package func convolution(
    _ name: String, _ input: [Float], _ from: Map, into to: Map, kernel: Int, stride: Int,
    padding: (before: Int, after: Int), enlarged: Bool, residual: [Float]?,
    algorithm: ConvolutionAlgorithm?
  ) throws -> [Float] {
    let reader = try WeightReader(folder: folder, stem: "weights")
    reader.precision = precision
    let layer = try Convolution2D(
      reader.root[name], in: from.channels, out: to.channels, kernel: kernel, stride: stride,
      padding: Convolution2D.Padding(before: padding.before, after: padding.after))
    return try run(from, input, to, residual, algorithm) { x, out, residual, compute in
      try layer.forward(x, into: out, residual: residual, enlarged: enlarged, compute)
    }
  }

  /// A feed-forward layer on rows of `channels`.
  package func feedForward(_ name: String, _ input: [Float], channels: Int) throws -> [Float] {
    let reader = try WeightReader(folder: folder, stem: "weights")
    reader.precision = precision
    let layer = try FeedForward(reader.root[name], channels: channels)
    let rows = Map(batch: 1, height: input.count / channels, width: 1, channels: channels)
    return try run(rows, input, rows, nil, nil) { x, out, _, compute in
      out.floats.update(repeating: 0)
      try layer.add(x, onto: out, compute)
    }
  }

  /// Attention of `queries` rows an item to `keys` rows of keys and values, every row `heads` ×
  /// `headDimension` floats.
  package func attention(
    query: [Float], key: [Float], value: [Float], batch: Int, queries: Int, keys: Int, heads: Int,
    headDimension: Int, causal: Bool
  ) throws -> [Float] {
    let inner = heads * headDimension
    let layer = ScaledDotProductAttention(
      heads: heads, headDimension: headDimension, causal: causal, precision: precision)
    let rows = Map(batch: batch, height: queries, width: 1, channels: inner)
    return try run(rows, query, rows, nil, nil) { x, out, _, compute in
      guard key.count == batch * keys * inner, value.count == key.count else {
        throw DiffusionError.internal("the arrays do not have the stated sizes")
      }
      // As the layers have them: keys and values side by side.
      let joined = try compute.arena.tensor(
        batch: batch, height: keys, width: 1, channels: 2 * inner)
      for row in 0..<batch * keys {
        for channel in 0..<inner {
          joined.row(row)[channel] = key[row * inner + channel]
          joined.row(row)[inner + channel] = value[row * inner + channel]
        }
      }
      try layer.forward(
        query: Rows(x), key: Rows(joined),
        value: Rows(data: joined.data + inner, stride: 2 * inner), batch: batch, queries: queries,
        keys: keys, into: Rows(out), compute)
    }
  }

  private func run(
    _ from: Map, _ input: [Float], _ to: Map, _ residual: [Float]?,
    _ algorithm: ConvolutionAlgorithm?,
    _ body: (Tensor, Tensor, Tensor?, Compute) throws -> Void
  ) throws -> [Float] {
    guard input.count == from.count, residual.map({ $0.count == to.count }) ?? true else {
      throw DiffusionError.internal("the arrays do not have the stated sizes")
    }
    let arena = Arena()
    let pool: ComputePool
    do {
      pool = try ComputePool(threads: threads)
    } catch {
      throw DiffusionError.internal(error.message)
    }
    var compute = Compute(pool: pool, arena: arena)
    compute.instructions = instructions
    compute.algorithm = algorithm
    compute.library = library
    let x = try arena.tensor(
      batch: from.batch, height: from.height, width: from.width, channels: from.channels)
    x.data.update(from: input, count: input.count)
    let out = try arena.tensor(
      batch: to.batch, height: to.height, width: to.width, channels: to.channels)
    var other: Tensor?
    if let residual {
      other = try arena.tensor(like: out)
      other?.data.update(from: residual, count: residual.count)
    }
    try body(x, out, other, compute)
    // The arena owns what is read here.
    return withExtendedLifetime(arena) { Array(out.floats) }
  }
}
