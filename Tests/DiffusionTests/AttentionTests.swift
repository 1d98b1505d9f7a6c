import Diffusion
import Foundation
import Testing

/// With all instructions that the CPU has, against sums in double precision.
@Suite("Attention equals its definition")
struct AttentionTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var batch = 1
    var heads = 1
    let depth: Int
    let queries: Int
    let keys: Int
    var causal = false
    /// Factor of queries and keys: how far apart scores lie.
    var contrast: Float = 1

    var testDescription: String {
      "\(batch) × \(heads) heads of \(depth), \(queries) to \(keys)\(causal ? ", causal" : "")"
        + ", contrast \(contrast)"
    }
  }

  /// Single tokens, numbers around a group's and a block of keys', depths of several blocks.
  static let shapes = [
    Shape(depth: 1, queries: 1, keys: 1),
    Shape(batch: 2, heads: 3, depth: 40, queries: 70, keys: 77),
    Shape(heads: 2, depth: 18, queries: 33, keys: 161),
    Shape(batch: 2, heads: 2, depth: 5, queries: 31, keys: 500),
    Shape(depth: 512, queries: 40, keys: 300),
    Shape(depth: 161, queries: 32, keys: 32),
    Shape(batch: 2, heads: 2, depth: 64, queries: 77, keys: 77, causal: true),
    Shape(depth: 16, queries: 400, keys: 400, causal: true),
    Shape(heads: 2, depth: 32, queries: 1100, keys: 20),
    Shape(depth: 32, queries: 64, keys: 640, contrast: 30),
  ]

  @Test(arguments: shapes, Instructions.allCases.filter(\.isAvailable))
  func everyHead(shape: Shape, instructions: Instructions) throws {
    var random = WeightFile.Random(seed: 7)
    let inner = shape.heads * shape.depth
    let query = random.floats(shape.batch * shape.queries * inner).map { $0 * shape.contrast }
    let key = random.floats(shape.batch * shape.keys * inner).map { $0 * shape.contrast }
    let value = random.floats(shape.batch * shape.keys * inner)
    let expected = Self.attention(query, key, value, shape)
    var first: [Float]?
    for threads in [1, 2, 5] {
      let values = try LayerTrial(
        folder: "", threads: threads, instructions: instructions, library: .own
      ).attention(
        query: query, key: key, value: value, batch: shape.batch, queries: shape.queries,
        keys: shape.keys, heads: shape.heads, headDimension: shape.depth, causal: shape.causal)
      // A score's own rounding grows with it.
      #expect(Fixture.relativeError(values, expected) < 2e-6 * max(1, shape.contrast))
      // No sum depends on how the work is shared out.
      let same = values == first ?? values
      #expect(same, "\(threads) threads")
      first = values
    }
  }

  /// A checkpoint full of NaN must be seen in the picture, not made plausible on the way.
  @Test(arguments: Instructions.allCases.filter(\.isAvailable))
  func whatIsNotANumberStays(instructions: Instructions) throws {
    var random = WeightFile.Random(seed: 8)
    var query = random.floats(40 * 16)
    query[5 * 16 + 3] = .nan
    let key = random.floats(40 * 16)
    let values = try LayerTrial(
      folder: "", threads: 1, instructions: instructions, library: .own
    ).attention(
      query: query, key: key, value: key, batch: 1, queries: 40, keys: 40, heads: 1,
      headDimension: 16, causal: false)
    #expect(values[5 * 16..<6 * 16].filter(\.isNaN).count == 16)
    #expect(values[..<(5 * 16)].filter(\.isFinite).count == 5 * 16)
    #expect(values[(6 * 16)...].filter(\.isFinite).count == 34 * 16)
  }

  static func attention(
    _ query: [Float], _ key: [Float], _ value: [Float], _ shape: Shape
  ) -> [Float] {
    let inner = shape.heads * shape.depth
    var out = [Float](repeating: 0, count: query.count)
    for item in 0..<shape.batch {
      for head in 0..<shape.heads {
        for q in 0..<shape.queries {
          let row = (item * shape.queries + q) * inner + head * shape.depth
          let seen = shape.causal ? q + 1 : shape.keys
          let scores = (0..<seen).map { k -> Double in
            let other = (item * shape.keys + k) * inner + head * shape.depth
            return (0..<shape.depth).reduce(0) {
              $0 + Double(query[row + $1]) * Double(key[other + $1])
            } / Double(shape.depth).squareRoot()
          }
          let maximum = scores.max() ?? 0
          let weights = scores.map { exp($0 - maximum) }
          let sum = weights.reduce(0, +)
          for channel in 0..<shape.depth {
            var total = 0.0
            for k in 0..<seen {
              let other = (item * shape.keys + k) * inner + head * shape.depth + channel
              total += weights[k] * Double(value[other])
            }
            out[row + channel] = Float(total / sum)
          }
        }
      }
    }
    return out
  }
}
