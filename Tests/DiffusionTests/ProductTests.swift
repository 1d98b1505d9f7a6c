import Diffusion
import Testing

/// Every algorithm with all instructions that the CPU has, against sums in double precision.
@Suite("Products and convolutions equal their definitions")
struct ProductTests {
  struct Way: Sendable {
    let instructions: Instructions
    let library: ProductLibrary
  }

  static let ways =
    Instructions.allCases.filter(\.isAvailable).map { Way(instructions: $0, library: .own) }
    + [Way(instructions: .best, library: .openBLAS)]

  struct Product: Sendable {
    let rows: Int
    let inFeatures: Int
    let outFeatures: Int
  }

  /// Single rows and columns, sizes around a tile's and a panel's, several depth blocks.
  static let products = [
    Product(rows: 1, inFeatures: 1, outFeatures: 1),
    Product(rows: 13, inFeatures: 17, outFeatures: 31),
    Product(rows: 14, inFeatures: 320, outFeatures: 32),
    Product(rows: 29, inFeatures: 321, outFeatures: 33),
    Product(rows: 61, inFeatures: 700, outFeatures: 100),
    Product(rows: 3, inFeatures: 1000, outFeatures: 449),
  ]

  @Test(arguments: products, ways)
  func linear(product: Product, way: Way) throws {
    for element in WeightFile.Element.allCases {
      try WeightFile.with([
        ("a.weight", [product.outFeatures, product.inFeatures], element),
        ("a.bias", [product.outFeatures], .float32),
      ]) { file in
        var random = WeightFile.Random(seed: 1)
        let input = random.floats(product.rows * product.inFeatures)
        let residual = random.floats(product.rows * product.outFeatures)
        let expected = Self.linear(
          input, try #require(file.tensors["a.weight"]), try #require(file.tensors["a.bias"]),
          residual, product)
        var first: [Float]?
        for threads in [1, 2, 5] {
          let values = try LayerTrial(
            folder: file.folder, threads: threads, instructions: way.instructions,
            library: way.library
          ).linear(
            ["a"], input, in: product.inFeatures, out: product.outFeatures, residual: residual)
          #expect(Fixture.relativeError(values, expected) < 2e-6)
          // No sum of ours depends on how the work is shared out.
          if way.library == .own { #expect(values == first ?? values) }
          first = values
        }
      }
    }
  }

  /// Three layers side by side, their files' types mixed, no bias.
  @Test(arguments: ways)
  func joinedLinear(way: Way) throws {
    let shape = [20, 45]
    try WeightFile.with([
      ("q.weight", shape, .float16), ("k.weight", shape, .float32), ("v.weight", shape, .bfloat16),
    ]) { file in
      var random = WeightFile.Random(seed: 2)
      let input = random.floats(9 * 45)
      let weights = try ["q", "k", "v"].flatMap { try #require(file.tensors["\($0).weight"]) }
      let expected = Self.linear(
        input, weights, [Float](repeating: 0, count: 60), [Float](repeating: 0, count: 9 * 60),
        Product(rows: 9, inFeatures: 45, outFeatures: 60))
      for threads in [1, 3] {
        let values = try LayerTrial(
          folder: file.folder, threads: threads, instructions: way.instructions,
          library: way.library
        ).linear(["q", "k", "v"], input, in: 45, out: 20, residual: nil)
        #expect(Fixture.relativeError(values, expected) < 2e-6)
      }
    }
  }

  struct Convolution: Sendable {
    var batch = 1
    /// Of the output.
    let height: Int
    let width: Int
    let inChannels: Int
    let outChannels: Int
    var kernel = 3
    var stride = 1
    var padding = (before: 1, after: 1)
    var enlarged = false
    var element = WeightFile.Element.float32

    var algorithms: [ConvolutionAlgorithm?] {
      kernel == 3 && stride == 1 ? ConvolutionAlgorithm.allCases + [nil] : [nil]
    }
    /// Of the map as the convolution sees it.
    func sourceSize(_ size: Int) -> Int {
      (size - 1) * stride + kernel - padding.before - padding.after
    }
    /// Of the map as it is stored.
    var source: LayerTrial.Map {
      let height = sourceSize(height)
      let width = sourceSize(width)
      return LayerTrial.Map(
        batch: batch, height: enlarged ? (height + 1) / 2 : height,
        width: enlarged ? (width + 1) / 2 : width, channels: inChannels)
    }
    var target: LayerTrial.Map {
      LayerTrial.Map(batch: batch, height: height, width: width, channels: outChannels)
    }
  }

  static let convolutions = [
    Convolution(height: 1, width: 1, inChannels: 1, outChannels: 1),
    Convolution(height: 8, width: 8, inChannels: 32, outChannels: 32),
    Convolution(height: 13, width: 11, inChannels: 37, outChannels: 45),
    Convolution(height: 5, width: 30, inChannels: 4, outChannels: 70),
    Convolution(height: 18, width: 3, inChannels: 21, outChannels: 3, element: .float16),
    Convolution(batch: 2, height: 9, width: 7, inChannels: 70, outChannels: 33, element: .bfloat16),
    Convolution(batch: 3, height: 4, width: 6, inChannels: 330, outChannels: 36, element: .float16),
    Convolution(height: 9, width: 11, inChannels: 19, outChannels: 40, enlarged: true),
    Convolution(batch: 2, height: 8, width: 6, inChannels: 16, outChannels: 8, enlarged: true),
    Convolution(height: 6, width: 7, inChannels: 24, outChannels: 24, stride: 2),
    Convolution(
      batch: 2, height: 5, width: 5, inChannels: 24, outChannels: 40, stride: 2,
      padding: (0, 1), element: .float16),
    Convolution(
      height: 7, width: 9, inChannels: 50, outChannels: 30, kernel: 1, padding: (0, 0)),
    Convolution(
      height: 4, width: 3, inChannels: 6, outChannels: 5, kernel: 1, stride: 2, padding: (0, 0)),
  ]

  /// Tiles for blocks of each thread's own (but not with three threads), several depth blocks, and
  /// more tiles than one block of all threads holds.
  static let large = [
    Convolution(height: 70, width: 66, inChannels: 64, outChannels: 64),
    Convolution(height: 40, width: 38, inChannels: 640, outChannels: 128),
    Convolution(height: 32, width: 36, inChannels: 330, outChannels: 65, element: .float16),
  ]

  @Test(arguments: convolutions, ways)
  func convolution(_ convolution: Convolution, way: Way) throws {
    try check(convolution, way, threads: [1, 2, 5])
  }

  @Test(arguments: large)
  func largeConvolution(_ convolution: Convolution) throws {
    try check(convolution, Way(instructions: .best, library: .own), threads: [1, 2, 3])
  }

  private func check(
    _ convolution: Convolution, _ way: Way, threads: [Int]
  ) throws {
    let kernel = convolution.kernel
    try WeightFile.with([
      (
        "c.weight", [convolution.outChannels, convolution.inChannels, kernel, kernel],
        convolution.element
      ),
      ("c.bias", [convolution.outChannels], .float32),
    ]) { file in
      var random = WeightFile.Random(seed: 3)
      let input = random.floats(convolution.source.count)
      let residual = random.floats(convolution.target.count)
      let expected = Self.convolve(
        input, try #require(file.tensors["c.weight"]), try #require(file.tensors["c.bias"]),
        residual, convolution)
      for algorithm in convolution.algorithms {
        // What the transforms of 6 × 6 pixels lose; single layers only, a picture stays at 1e-5.
        let tolerance: Float = algorithm == .direct ? 2e-6 : algorithm == .winograd2 ? 5e-6 : 5e-5
        var first: [Float]?
        for threads in threads {
          let values = try LayerTrial(
            folder: file.folder, threads: threads, instructions: way.instructions,
            library: way.library
          ).convolution(
            "c", input, convolution.source, into: convolution.target, kernel: kernel,
            stride: convolution.stride, padding: convolution.padding,
            enlarged: convolution.enlarged, residual: residual, algorithm: algorithm)
          #expect(Fixture.relativeError(values, expected) < tolerance)
          if way.library == .own { #expect(values == first ?? values) }
          first = values
        }
      }
    }
  }

  static func linear(
    _ input: [Float], _ weight: [Float], _ bias: [Float], _ residual: [Float], _ product: Product
  ) -> [Float] {
    let depth = product.inFeatures
    return (0..<product.rows * product.outFeatures).map { index in
      let row = index / product.outFeatures
      let column = index % product.outFeatures
      var sum = Double(bias[column]) + Double(residual[index])
      for k in 0..<depth {
        sum += Double(input[row * depth + k]) * Double(weight[column * depth + k])
      }
      return Float(sum)
    }
  }

  static func convolve(
    _ input: [Float], _ weight: [Float], _ bias: [Float], _ residual: [Float],
    _ convolution: Convolution
  ) -> [Float] {
    let source = convolution.source
    let height = convolution.sourceSize(convolution.height)
    let width = convolution.sourceSize(convolution.width)
    let kernel = convolution.kernel
    let scale = convolution.enlarged ? 2 : 1
    let channels = convolution.inChannels
    var out = [Float](repeating: 0, count: convolution.target.count)
    var index = 0
    for item in 0..<convolution.batch {
      for y in 0..<convolution.height {
        for x in 0..<convolution.width {
          for to in 0..<convolution.outChannels {
            var sum = Double(bias[to]) + Double(residual[index])
            for tap in 0..<kernel * kernel {
              let row = y * convolution.stride + tap / kernel - convolution.padding.before
              let column = x * convolution.stride + tap % kernel - convolution.padding.before
              guard 0..<height ~= row, 0..<width ~= column else { continue }
              let pixel = (item * source.height + row / scale) * source.width + column / scale
              for from in 0..<channels {
                sum +=
                  Double(input[pixel * channels + from])
                  * Double(weight[(to * channels + from) * kernel * kernel + tap])
              }
            }
            out[index] = Float(sum)
            index += 1
          }
        }
      }
    }
    return out
  }
}
