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

  /// Those of stride 1 by minimal filtering see weights in 16 bits, but their rows as they are; these maps are too
  /// small for integers.
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
      let filters = kernel == 3 && convolution.stride == 1
      let weight = try #require(file.tensors["c.weight"])
      let expected = ProductTests.convolve(
        filters ? input : input.map(Self.bfloat16),
        filters && convolution.element == .float16 ? weight : weight.map(Self.bfloat16),
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

  /// Enough tiles for 16-bit integers: with and without what is left over of tiles, strips, panels and depth
  /// blocks.
  static let filtered = [
    ProductTests.Convolution(height: 32, width: 32, inChannels: 32, outChannels: 32),
    ProductTests.Convolution(
      batch: 2, height: 33, width: 38, inChannels: 37, outChannels: 45, element: .float16),
    ProductTests.Convolution(
      height: 30, width: 70, inChannels: 16, outChannels: 33, enlarged: true),
    ProductTests.Convolution(height: 35, width: 37, inChannels: 24, outChannels: 8, enlarged: true),
    ProductTests.Convolution(
      height: 64, width: 66, inChannels: 330, outChannels: 20, element: .bfloat16),
    ProductTests.Convolution(batch: 2, height: 62, width: 64, inChannels: 66, outChannels: 40),
  ]

  /// Minimal filtering in 16-bit integers is nearer to the sums of the weights' own numbers than bf16 is, in int8
  /// than bytes are, and it does not depend on threads and on what else is in the batch.
  @Test(arguments: filtered, instructions)
  func convolutionInIntegers(
    _ convolution: ProductTests.Convolution, instructions: Instructions
  ) throws {
    let shape = [convolution.outChannels, convolution.inChannels, 3, 3]
    let source = convolution.source
    let target = convolution.target
    try WeightFile.with([
      ("c.weight", shape, convolution.element), ("c.bias", [shape[0]], .float32),
    ]) { file in
      var random = WeightFile.Random(seed: 3)
      var input = random.floats(source.count)
      let each = source.count / source.batch
      for index in input.indices { input[index] *= Float(index / each + 1) }
      let residual = random.floats(target.count)
      let weight = try #require(file.tensors["c.weight"])
      let bias = try #require(file.tensors["c.bias"])
      func run(
        _ precision: Precision, _ batch: Range<Int>, threads: Int,
        _ algorithm: ConvolutionAlgorithm? = nil
      ) throws -> [Float] {
        var from = source
        var to = target
        from.batch = batch.count
        to.batch = batch.count
        let out = target.count / source.batch
        return try LayerTrial(
          folder: file.folder, threads: threads, instructions: instructions, library: .own,
          precision: precision
        ).convolution(
          "c", Array(input[batch.lowerBound * each..<batch.upperBound * each]), from, into: to,
          kernel: 3, stride: 1, padding: convolution.padding, enlarged: convolution.enlarged,
          residual: Array(residual[batch.lowerBound * out..<batch.upperBound * out]),
          algorithm: algorithm)
      }
      for precision in [Precision.bf16, .int8] {
        let filters =
          precision == .bf16 || ((target.height + 3) / 4) * ((target.width + 3) / 4) >= 256
        guard filters else { continue }
        let seen =
          switch (precision, convolution.element) {
          case (.int8, _): Self.quantized(weight, per: convolution.inChannels * 9)
          case (_, .float32): weight.map(Self.bfloat16)
          default: weight
          }
        let expected = ProductTests.convolve(input, seen, bias, residual, convolution)
        let all = try run(precision, 0..<source.batch, threads: 2)
        let error = Self.error(all, expected)
        #expect(error > 1e-5 && error < 2e-3, "\(precision): \(error)")
        let alone = try (0..<source.batch).flatMap { try run(precision, $0..<$0 + 1, threads: 1) }
        #expect(alone == all)
        let small = try run(precision, 0..<source.batch, threads: 3, .winograd2)
        #expect(Self.error(small, expected) < 4e-4)
      }
    }
  }

  /// A number that is none spoils the tiles that see it, and no others.
  @Test(arguments: instructions)
  func whatIsNotANumberStaysInIntegers(instructions: Instructions) throws {
    try WeightFile.with([("c.weight", [33, 40, 3, 3], .float32), ("c.bias", [33], .float32)]) {
      file in
      let map = LayerTrial.Map(batch: 1, height: 32, width: 32, channels: 40)
      var random = WeightFile.Random(seed: 9)
      for value in [Float.nan, .infinity, 0] {
        var input = random.floats(map.count)
        for channel in 0..<40 { input[(9 * 32 + 9) * 40 + channel] = value }
        var out = map
        out.channels = 33
        let values = try LayerTrial(
          folder: file.folder, threads: 2, instructions: instructions, library: .own,
          precision: .bf16
        ).convolution(
          "c", input, map, into: out, kernel: 3, stride: 1, padding: (1, 1), enlarged: false,
          residual: nil, algorithm: nil)
        func isFinite(_ y: Int, _ x: Int) -> Bool {
          values[(y * 32 + x) * 33..<(y * 32 + x + 1) * 33].allSatisfy(\.isFinite)
        }
        #expect(isFinite(9, 9) == (value == 0))
        #expect(isFinite(9, 14) && isFinite(14, 9) && isFinite(3, 3) && isFinite(31, 31))
      }
    }
  }

  /// An autoencoder with layers wide enough for minimal filtering and a map large enough for integers, against
  /// diffusers in f32.
  @Test(arguments: Precision.allCases, instructions)
  func autoencoder(precision: Precision, instructions: Instructions) throws {
    let model = try SoloModel(
      directory: Fixture.path("sd1"), autoencoder: Fixture.path("kl-vae"), threads: 2,
      instructions: instructions, precision: precision)
    func check(_ values: [Float], _ name: String, bound: Double) throws {
      let error = Self.error(
        values, try Fixture.tensor("kl-vae/expected.safetensors", name).values)
      #expect(error < (precision == .f32 ? 1e-4 : bound), "\(name): \(error)")
      #expect(precision == .f32 || error > 1e-4, "\(name) is in f32: \(error)")
    }
    let latents = try Fixture.tensor("kl-vae/expected.safetensors", "vae_latents")
    try check(
      model.decode(latents.values, height: latents.shape[0], width: latents.shape[1]),
      "vae_picture", bound: 0.01)
    let source = try Fixture.tensor("kl-vae/expected.safetensors", "vae_source")
    try check(
      model.encode(source.values, height: source.shape[0], width: source.shape[1]), "vae_mean",
      bound: 0.01)
  }

  /// So with an AutoencoderTiny.
  @Test(arguments: [Precision.bf16, .int8], instructions)
  func tinyAutoencoder(precision: Precision, instructions: Instructions) throws {
    let model = try SoloModel(
      directory: Fixture.path("sd1"), autoencoder: Fixture.path("tiny-vae/vae"), threads: 2,
      instructions: instructions, precision: precision)
    let latents = try Fixture.tensor("tiny-vae/expected.safetensors", "vae_latents")
    let picture = try model.decode(
      latents.values, height: latents.shape[0], width: latents.shape[1])
    let error = Self.error(
      picture, try Fixture.tensor("tiny-vae/expected.safetensors", "vae_picture").values)
    #expect(error > 1e-5 && error < 0.01, "\(error)")
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
