#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where an encoder puts a picture among the latents; all maps are [1, height, width, channels].
struct LatentDistribution: Sendable {
  let mean: Tensor
  /// Absent where encoding is exact.
  let logVariance: Tensor?

  /// diffusers' `DiagonalGaussianDistribution.sample`; `out` is shaped like `mean`. Nothing is drawn
  /// where encoding is exact.
  func sample(into out: Tensor, from noise: inout NoiseGenerator) {
    guard let logVariance else {
      out.copy(from: mean)
      return
    }
    out.setNoise(scale: 1, from: &noise)
    for index in 0..<out.count {
      out.data[index] = mean.data[index] + exp(0.5 * logVariance.data[index]) * out.data[index]
    }
  }
}
