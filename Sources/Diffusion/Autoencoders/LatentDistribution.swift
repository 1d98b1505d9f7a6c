/// Where an encoder puts a picture among the latents; all maps are [1, height, width, channels].
struct LatentDistribution: Sendable {
  let mean: Tensor
  /// Absent where encoding is exact.
  let logVariance: Tensor?
}
