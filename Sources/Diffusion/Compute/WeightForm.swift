/// How a weight matrix is kept in memory, and with it how products are made.
enum WeightForm: Sendable {
  /// As the file has it; f32 to compute with.
  case stored
  /// In 16 bits: as the file has it where it has as many, or else rounded to bf16. Widened to compute with.
  case rounded
  /// Rounded to bf16, words of two channels; the rows are rounded as well.
  case pairs
  /// In 8 bits, words of four channels; so are the rows.
  case quads

  /// Neighbouring channels in a word; 1 where there are no words.
  var wordLength: Int {
    switch self {
    case .stored, .rounded: 1
    case .pairs: 2
    case .quads: 4
    }
  }
}
