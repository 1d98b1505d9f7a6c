import Diffusion
import Foundation
import Testing

/// Layers and models computed in less than f32: with all instructions that the CPU has, against sums in
/// double precision of the rounded numbers, and whole models against themselves in f32.
@Suite("Other precisions than f32")
struct PrecisionTests {
  static let instructions = Instructions.allCases.filter(\.isAvailable)

  @Test(arguments: ProductTests.products, instructions)
  func linearInBFloat16(product: ProductTests.Product, instructions: Instructions) throws {
    for element in WeightFile.Element.allCases {
      try WeightFile.with([
        ("a.weight", [product.outFeatures, product.inFeatures], element),
        ("a.bias", [product.outFeatures], .float32),
      ]) { file in
        var random = WeightFile.Random(seed: 1)
        let input = random.floats(product.rows * product.inFeatures)
        let residual = random.floats(product.rows * product.outFeatures)
        let expected = ProductTests.linear(
          input.map(Self.bfloat16), try #require(file.tensors["a.weight"]).map(Self.bfloat16),
          try #require(file.tensors["a.bias"]), residual, product)
        var first: [Float]?
        for threads in [1, 2, 5] {
          let values = try LayerTrial(
            folder: file.folder, threads: threads, instructions: instructions, library: .own,
            precision: .bf16
          ).linear(
            ["a"], input, in: product.inFeatures, out: product.outFeatures, residual: residual)
          #expect(Fixture.relativeError(values, expected) < 2e-6)
          #expect(values == first ?? values)
          first = values
        }
      }
    }
  }

  /// In int8 rows and columns have scales of their own; the sums are the same integers everywhere.
  @Test(arguments: ProductTests.products, instructions)
  func linearInInt8(product: ProductTests.Product, instructions: Instructions) throws {
    let depth = product.inFeatures
    try WeightFile.with([
      ("a.weight", [product.outFeatures, depth], .float32),
      ("a.bias", [product.outFeatures], .float32),
    ]) { file in
      var random = WeightFile.Random(seed: 1)
      var input = random.floats(product.rows * depth)
      // Rows of different sizes, the first one zeros.
      for row in 0..<product.rows {
        for k in 0..<depth { input[row * depth + k] *= Float(row * row) }
      }
      let residual = random.floats(product.rows * product.outFeatures)
      let weight = Self.quantized(try #require(file.tensors["a.weight"]), per: depth)
      let expected = ProductTests.linear(
        Self.quantized(input, per: depth), weight, try #require(file.tensors["a.bias"]), residual,
        product)
      for threads in [1, 2, 5] {
        let values = try LayerTrial(
          folder: file.folder, threads: threads, instructions: instructions, library: .own,
          precision: .int8
        ).linear(["a"], input, in: depth, out: product.outFeatures, residual: residual)
        #expect(Fixture.relativeError(values, expected) < 2e-6)
      }
    }
  }

  /// A map has one scale for itself, whatever else is in the batch.
  @Test(arguments: ProductTests.convolutions, instructions)
  func convolutionInInt8(
    _ convolution: ProductTests.Convolution, instructions: Instructions
  ) throws {
    let kernel = convolution.kernel
    let shape = [convolution.outChannels, convolution.inChannels, kernel, kernel]
    try WeightFile.with([
      ("c.weight", shape, .float32), ("c.bias", [shape[0]], .float32),
    ]) { file in
      var random = WeightFile.Random(seed: 3)
      let source = convolution.source
      var input = random.floats(source.count)
      let each = source.count / source.batch
      for index in input.indices { input[index] *= Float(index / each + 1) }
      let residual = random.floats(convolution.target.count)
      // 1×1 convolutions of stride 1 are linear layers: a scale a pixel.
      let rounded = Self.quantized(
        input, per: kernel == 1 && convolution.stride == 1 ? source.channels : each)
      let expected = ProductTests.convolve(
        rounded,
        Self.quantized(
          try #require(file.tensors["c.weight"]), per: convolution.inChannels * kernel * kernel),
        try #require(file.tensors["c.bias"]), residual, convolution)
      func run(_ batch: Range<Int>, threads: Int) throws -> [Float] {
        let out = convolution.target.count / source.batch
        var from = source
        var to = convolution.target
        from.batch = batch.count
        to.batch = batch.count
        return try LayerTrial(
          folder: file.folder, threads: threads, instructions: instructions, library: .own,
          precision: .int8
        ).convolution(
          "c", Array(input[batch.lowerBound * each..<batch.upperBound * each]), from, into: to,
          kernel: kernel, stride: convolution.stride, padding: convolution.padding,
          enlarged: convolution.enlarged,
          residual: Array(residual[batch.lowerBound * out..<batch.upperBound * out]),
          algorithm: nil)
      }
      let all = try run(0..<source.batch, threads: 2)
      #expect(Fixture.relativeError(all, expected) < 2e-6)
      let alone = try (0..<source.batch).flatMap { try run($0..<$0 + 1, threads: 1) }
      #expect(alone == all)
    }
  }

  /// Those of stride 1 by minimal filtering see rounded weights, but their rows as they are.
  @Test(arguments: ProductTests.convolutions, instructions)
  func convolutionInBFloat16(
    _ convolution: ProductTests.Convolution, instructions: Instructions
  ) throws {
    let kernel = convolution.kernel
    let shape = [convolution.outChannels, convolution.inChannels, kernel, kernel]
    try WeightFile.with([
      ("c.weight", shape, convolution.element), ("c.bias", [shape[0]], .float32),
    ]) { file in
      var random = WeightFile.Random(seed: 3)
      let input = random.floats(convolution.source.count)
      let residual = random.floats(convolution.target.count)
      let rounded = kernel == 3 && convolution.stride == 1 ? input : input.map(Self.bfloat16)
      let expected = ProductTests.convolve(
        rounded, try #require(file.tensors["c.weight"]).map(Self.bfloat16),
        try #require(file.tensors["c.bias"]), residual, convolution)
      for threads in [1, 2, 5] {
        let values = try LayerTrial(
          folder: file.folder, threads: threads, instructions: instructions, library: .own,
          precision: .bf16
        ).convolution(
          "c", input, convolution.source, into: convolution.target, kernel: kernel,
          stride: convolution.stride, padding: convolution.padding,
          enlarged: convolution.enlarged, residual: residual, algorithm: nil)
        #expect(Fixture.relativeError(values, expected) < 5e-5)
      }
    }
  }

  /// Rows go through a feed-forward layer some at a time, which must not be seen.
  @Test(arguments: Precision.allCases, instructions.filter { $0 != .portable })
  func feedForwardInParts(precision: Precision, instructions: Instructions) throws {
    let channels = 256
    try WeightFile.with([
      ("f.net.0.proj.weight", [8 * channels, channels], .float32),
      ("f.net.0.proj.bias", [8 * channels], .float32),
      ("f.net.2.weight", [channels, 4 * channels], .float32),
      ("f.net.2.bias", [channels], .float32),
    ]) { file in
      var random = WeightFile.Random(seed: 5)
      let input = random.floats(700 * channels)
      func run(_ rows: Range<Int>) throws -> [Float] {
        try LayerTrial(
          folder: file.folder, threads: 2, instructions: instructions, library: .own,
          precision: precision
        ).feedForward(
          "f", Array(input[rows.lowerBound * channels..<rows.upperBound * channels]),
          channels: channels)
      }
      let all = try run(0..<700)
      let few = try run(0..<100) + run(100..<600) + run(600..<700)
      #expect(all.map(\.bitPattern) == few.map(\.bitPattern))
    }
  }

  /// Scores are f32, but of rounded factors; their softmax is rounded again before it weighs values.
  @Test(arguments: AttentionTests.shapes)
  func attention(shape: AttentionTests.Shape) throws {
    var random = WeightFile.Random(seed: 7)
    let inner = shape.heads * shape.depth
    // No sharper, or a rounded query would be another query.
    let query = random.floats(shape.batch * shape.queries * inner)
    let key = random.floats(shape.batch * shape.keys * inner)
    // Off zero, so that their mean is not what is left of a difference.
    let value = random.floats(shape.batch * shape.keys * inner).map { $0 + 1 }
    let expected = AttentionTests.attention(query, key, value, shape)
    var all: [[Float]] = []
    for instructions in Self.instructions {
      for threads in [1, 2, 5] {
        let values = try LayerTrial(
          folder: "", threads: threads, instructions: instructions, library: .own, precision: .bf16
        ).attention(
          query: query, key: key, value: value, batch: shape.batch, queries: shape.queries,
          keys: shape.keys, heads: shape.heads, headDimension: shape.depth, causal: shape.causal)
        #expect(Fixture.relativeError(values, expected) < 8e-3)
        #expect(Fixture.relativeError(values, expected) > 1e-5, "not rounded at all")
        if let first = all.first { #expect(Fixture.relativeError(values, first) < 1e-3) }
        all.append(values)
      }
      // No sum depends on how the work is shared out.
      #expect(all[all.count - 3] == all[all.count - 2] && all[all.count - 2] == all[all.count - 1])
    }
  }

  @Test(arguments: instructions)
  func whatIsNotANumberStays(instructions: Instructions) throws {
    var random = WeightFile.Random(seed: 8)
    var query = random.floats(40 * 16)
    query[5 * 16 + 3] = .nan
    let key = random.floats(40 * 16)
    let trial = LayerTrial(
      folder: "", threads: 1, instructions: instructions, library: .own, precision: .bf16)
    let values = try trial.attention(
      query: query, key: key, value: key, batch: 1, queries: 40, keys: 40, heads: 1,
      headDimension: 16, causal: false)
    #expect(values[5 * 16..<6 * 16].filter(\.isNaN).count == 16)
    #expect(values.filter(\.isFinite).count == 39 * 16)
    try WeightFile.with([("a.weight", [33, 16], .float32)]) { file in
      for precision in Precision.allCases {
        let values = try LayerTrial(
          folder: file.folder, threads: 1, instructions: instructions, library: .own,
          precision: precision
        ).linear(["a"], query, in: 16, out: 33, residual: nil)
        #expect(values[5 * 33..<6 * 33].filter(\.isNaN).count == 33)
        #expect(values.filter(\.isFinite).count == 39 * 33)
      }
    }
  }

  /// One run of a U-Net of random weights. The bounds are what OpenVINO's bf16 and NNCF's int8 err by on
  /// SD-1.5's.
  @Test(arguments: ["sd1", "sd2", "added-text"], instructions)
  func unetStep(name: String, instructions: Instructions) throws {
    let latents = try Fixture.tensor("\(name)/expected.safetensors", "unet_latents")
    let embedding = try Fixture.tensor("\(name)/expected.safetensors", "embedding").values
    func predict(_ precision: Precision) throws -> [Float] {
      try SoloModel(
        directory: Fixture.path(name), threads: 2, instructions: instructions, precision: precision
      ).predict(
        latents.values, batch: 2, height: latents.shape[1], width: latents.shape[2], timestep: 601,
        embedding: embedding)
    }
    let exact = try predict(.f32)
    for (precision, bound) in [(Precision.bf16, 0.0225), (.int8, 0.046)] {
      let error = Self.error(try predict(precision), exact)
      #expect(error > 1e-4 && error < bound, "\(precision): \(error)")
    }
  }

  /// What is computed beside a picture has no effect on it.
  @Test(arguments: Precision.allCases)
  func aloneAndBesideOthers(precision: Precision) throws {
    let latents = try Fixture.tensor("sd1/expected.safetensors", "unet_latents")
    let embedding = try Fixture.tensor("sd1/expected.safetensors", "embedding").values
    let model = try SoloModel(directory: Fixture.path("sd1"), threads: 2, precision: precision)
    func predict(_ latents: [Float], _ embedding: [Float], batch: Int) throws -> [Float] {
      try model.predict(
        latents, batch: batch, height: 16, width: 16, timestep: 601, embedding: embedding)
    }
    let count = 16 * 16 * latents.shape[3]
    var random = WeightFile.Random(seed: 4)
    let first = random.floats(count)
    // Larger numbers beside it, which would change a scale of both.
    let second = random.floats(count).map { 10 * $0 }
    let both = try predict(first + second, embedding, batch: 2)
    let half = embedding.count / 2
    #expect(try predict(first, Array(embedding[..<half]), batch: 1) == Array(both[..<count]))
    #expect(try predict(second, Array(embedding[half...]), batch: 1) == Array(both[count...]))
  }

  /// The bundled model's pictures after all steps.
  @Test func bundledPicture() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Models/riff-mini").standardized.path
    let request = DiffusionRequest(
      prompt: "funk bassline with a jazzy saxophone solo", seed: 2, steps: 20, guidanceScale: 4,
      width: 256, height: 256)
    func picture(_ precision: Precision) throws -> [Float] {
      try SoloModel(directory: folder, threads: 2, precision: precision).picture(request) { _ in }
        .map { min(max($0, -1), 1) }
    }
    let exact = try picture(.f32)
    for (precision, least) in [(Precision.bf16, 50.0), (.int8, 25)] {
      let error = zip(try picture(precision), exact).reduce(0) { $0 + Double(pow($1.0 - $1.1, 2)) }
      let psnr = 10 * log10(4 * Double(exact.count) / error)
      #expect(psnr > least && psnr.isFinite, "\(precision): \(psnr) dB")
    }
  }

  /// The root of the mean square of the difference, as a share of the expected values'.
  static func error(_ values: [Float], _ expected: [Float]) -> Double {
    let difference = zip(values, expected).reduce(0) { $0 + Double(pow($1.0 - $1.1, 2)) }
    return (difference / expected.reduce(0) { $0 + Double($1 * $1) }).squareRoot()
  }

  /// Runs of `count` numbers as bytes, with a scale each, and back.
  private static func quantized(_ values: [Float], per count: Int) -> [Float] {
    stride(from: 0, to: values.count, by: count).flatMap { start -> [Float] in
      let run = values[start..<start + count]
      let largest = run.reduce(0) { max($0, abs($1)) }
      let factor = largest > 0 ? 127 / largest : 0
      return run.map { ($0 * factor).rounded(.toNearestOrEven) * (largest / 127) }
    }
  }

  /// To nearest, ties to even.
  private static func bfloat16(_ value: Float) -> Float {
    let bits = value.bitPattern
    return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
  }
}
