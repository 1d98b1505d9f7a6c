/// The ways to run a convolution.
package enum ConvolutionAlgorithm: CaseIterable, Sendable {
  /// Patches gathered as the product goes.
  case direct
  /// Minimal filtering, tiles of 2 × 2 output pixels: 2.25 times fewer multiplications.
  case winograd2
  /// Tiles of 4 × 4: four times fewer, rounding errors about ten times as large.
  case winograd4

  /// The fastest way to run a 3×3 convolution of stride 1 over two maps of that size, as both halves of
  /// guidance have them: the multiplications saved grow with the tile, and so does the work on the
  /// weights, which few tiles do not repay. It does not depend on the batch: a map's result is the same
  /// whatever is computed beside it.
  static func best(height: Int, width: Int, inChannels: Int) -> ConvolutionAlgorithm {
    guard inChannels >= 16 else { return .direct }
    if ((height + 3) / 4) * ((width + 3) / 4) >= 4 { return .winograd4 }
    return ((height + 1) / 2) * ((width + 1) / 2) >= 4 ? .winograd2 : .direct
  }
}
