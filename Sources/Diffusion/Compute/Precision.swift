/// The numbers that a U-Net and an autoencoder are kept in and computed with. Their first and last layers,
/// norms, activations, softmax and the sums of floats are f32 in each; so are text encoders.
public enum Precision: String, CaseIterable, Sendable {
  /// Weights as their file has them, f32 to compute with.
  case f32
  /// Weights in bf16; rows of linear layers, queries, keys and values rounded to it. 3×3 convolutions keep
  /// weights in 16 bits, and where a map has enough tiles their minimal filtering multiplies 16-bit integers
  /// with a scale a point of a tile, else f32.
  case bf16
  /// Weights in 8 bits with a scale an output channel; rows of linear layers with a scale each, maps of
  /// convolutions with one a picture, both taken from what they hold. 3×3 convolutions of large maps by
  /// minimal filtering in 16-bit integers. Attention as in bf16, and so are autoencoders.
  case int8

  /// What an autoencoder computes in: bytes would be seen in its picture, and save no time beside 16-bit
  /// integers in minimal filtering.
  var ofPictures: Precision { self == .f32 ? .f32 : .bf16 }

  /// The fastest that leaves a picture as it is to the eye: bf16 where this CPU multiplies it faster.
  public static let fastest: Precision = Instructions.best.multipliesBFloat16 ? .bf16 : .f32
}
