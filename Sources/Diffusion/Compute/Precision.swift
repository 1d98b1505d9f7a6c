/// The numbers that a U-Net is kept in and computed with. Its first and last layers, norms, activations,
/// softmax and all sums are f32 in each; so are text encoders and autoencoders.
public enum Precision: String, CaseIterable, Sendable {
  /// Weights as their file has them, f32 to compute with.
  case f32
  /// Weights in bf16; rows of linear layers, queries, keys and values rounded to it. 3×3 convolutions
  /// take their rows and transforms in f32.
  case bf16
  /// Weights in 8 bits with a scale an output channel; rows of linear layers with a scale each, maps of
  /// convolutions with one a picture, both taken from what they hold. Attention as in bf16.
  case int8

  /// The fastest that leaves a picture as it is to the eye: bf16 where this CPU multiplies it faster.
  public static let fastest: Precision = Instructions.best.multipliesBFloat16 ? .bf16 : .f32
}
