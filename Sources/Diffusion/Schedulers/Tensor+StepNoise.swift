extension Tensor {
  /// Adds standard-normal noise times `scale` to a map of one item.
  ///
  /// It is drawn in PyTorch's order, channel by channel, as the initial noise is.
  func addNoise(scale: Float, from generator: inout NoiseGenerator) {
    let values = generator.normal(count)
    let pixels = rows
    for pixel in 0..<pixels {
      for channel in 0..<channels {
        row(pixel)[channel] += scale * values[channel * pixels + pixel]
      }
    }
  }
}
