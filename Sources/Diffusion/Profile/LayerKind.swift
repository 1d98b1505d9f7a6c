/// What a layer does, as a profile sorts them.
package enum LayerKind: Int, CaseIterable, Sendable {
  /// A convolution with a kernel larger than one pixel, gathering and transforms included.
  case convolution
  /// A 1×1 convolution, or a linear layer stored as one.
  case pointwise
  case linear
  /// softmax(q · kᵀ) · v, without its projections.
  case attention
  /// Group and layer normalisation, with the activation that follows in the same pass.
  case normalization
  /// GEGLU, GELU and their like in a pass of their own.
  case activation
  /// Joining and repeating: moves data and computes nothing.
  case layout
  /// All the rest, such as waiting for a file to be read, samplers and copies.
  case other
}
