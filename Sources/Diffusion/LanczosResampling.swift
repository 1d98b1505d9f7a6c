#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Resizes lines of 8-bit samples as Pillow's `Image.resize` with `LANCZOS` does, to the bit.
///
/// A windowed sinc of three lobes, stretched by the scale where lines become shorter, its weights in
/// fixed point; rows, then columns are resized, rounded to 8 bits in between. (Pillow 13 begins with
/// the columns where the height shrinks much more than the width; older ones never do.)
struct LanczosResampling: Sendable {
  /// The input samples that one output sample sees, and their weights times 2^22.
  private struct Tap: Sendable {
    let first: Int
    let weights: [Int]
  }

  private static let lobes = 3.0
  private static let fractionBits = 22

  private let taps: [Tap]

  /// Both counts are above 0.
  init(from inputCount: Int, to outputCount: Int) {
    precondition(inputCount > 0 && outputCount > 0)
    let scale = Double(inputCount) / Double(outputCount)
    let stretch = max(scale, 1)
    let support = Self.lobes * stretch
    taps = (0..<outputCount).map { index in
      let center = (Double(index) + 0.5) * scale
      let first = max(Int(center - support + 0.5), 0)
      let end = min(Int(center + support + 0.5), inputCount)
      let weights = (first..<end).map { Self.kernel((Double($0) - center + 0.5) / stretch) }
      let total = weights.reduce(0, +)
      return Tap(
        first: first,
        weights: weights.map { weight in
          let fixed = weight / total * Double(1 << Self.fractionBits)
          return Int(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
        })
    }
  }

  private static func kernel(_ x: Double) -> Double {
    -Self.lobes <= x && x < Self.lobes ? sinc(x) * sinc(x / Self.lobes) : 0
  }

  private static func sinc(_ x: Double) -> Double {
    x == 0 ? 1 : sin(x * .pi) / (x * .pi)
  }

  /// Writes the resized line: input sample i is at `input[start + i * stride]`, output sample i goes
  /// to `output[outputStart + i * outputStride]`.
  func resample(
    _ input: [UInt8], start: Int, stride: Int, into output: inout [UInt8], outputStart: Int,
    outputStride: Int
  ) {
    for (index, tap) in taps.enumerated() {
      var sum = 1 << (Self.fractionBits - 1)
      var position = start + tap.first * stride
      for weight in tap.weights {
        sum += weight * Int(input[position])
        position += stride
      }
      output[outputStart + index * outputStride] = UInt8(
        min(max(sum >> Self.fractionBits, 0), 255))
    }
  }
}

extension RasterImage {
  /// The picture in another size, as Pillow's `resize` with `LANCZOS` makes it. Both are above 0.
  package func resized(width newWidth: Int, height newHeight: Int) -> RasterImage {
    var result = self
    if newWidth != width {
      let lines = LanczosResampling(from: width, to: newWidth)
      var wide = [UInt8](repeating: 0, count: 3 * newWidth * height)
      for row in 0..<height {
        for component in 0..<3 {
          lines.resample(
            result.pixels, start: 3 * row * width + component, stride: 3, into: &wide,
            outputStart: 3 * row * newWidth + component, outputStride: 3)
        }
      }
      result = RasterImage(width: newWidth, height: height, pixels: wide)
    }
    if newHeight != height {
      let columns = LanczosResampling(from: height, to: newHeight)
      var tall = [UInt8](repeating: 0, count: 3 * newWidth * newHeight)
      for position in 0..<3 * newWidth {
        columns.resample(
          result.pixels, start: position, stride: 3 * newWidth, into: &tall,
          outputStart: position, outputStride: 3 * newWidth)
      }
      result = RasterImage(width: newWidth, height: newHeight, pixels: tall)
    }
    return result
  }
}
