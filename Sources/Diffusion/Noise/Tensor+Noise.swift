extension Tensor {
  /// Fills a map of one item with standard-normal noise times `scale`, drawn in PyTorch's order:
  /// channel by channel.
  func setNoise(scale: Float, from generator: inout NoiseGenerator) {
    let values = generator.normal(count)
    let pixels = rows
    for pixel in 0..<pixels {
      for channel in 0..<channels {
        row(pixel)[channel] = values[channel * pixels + pixel] * scale
      }
    }
  }

  /// Adds standard-normal noise times `scale` to a map of one item, drawn in the same order.
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
