/// A layer as a profile tells them apart: those of one kind and shape are one.
package struct Layer: Hashable, Sendable {
  package let kind: LayerKind
  /// Pixels or tokens of the result, over the whole batch.
  package let rows: Int
  /// Elements that make one of the result: in channels × taps of a convolution, in features of a
  /// linear layer, keys of an attention, channels of a pass.
  package let inputs: Int
  /// Channels of the result; all heads of an attention together.
  package let outputs: Int

  /// Floating-point operations of its products, two a multiplication; 0 for a pass over data.
  /// A convolution counts as if every output gathered its patch.
  package var operations: Double {
    let products = 2 * Double(rows) * Double(inputs) * Double(outputs)
    switch kind {
    case .convolution, .pointwise, .linear: return products
    case .attention: return 2 * products
    case .normalization, .activation, .layout, .other: return 0
    }
  }

  /// Bytes of a pass's input and output, each counted once; 0 for a product.
  package var bytes: Double {
    switch kind {
    case .normalization, .activation, .layout: 4 * Double(rows) * Double(inputs + outputs)
    case .convolution, .pointwise, .linear, .attention, .other: 0
    }
  }
}
