/// The latent columns of a picture that is followed by its own beginning, as the U-Net sees them: all of
/// them, and the first ones again behind the end. What it says of a column at both places fades from one
/// into the other.
///
/// Latents that are rolled at each step join as well, but lose their beat: models lay it from the first column
/// that they see (`riff-bench loop`).
struct CircularColumns {
  /// A column at a place, and how much of the prediction there counts; what all places say of a column
  /// adds up to 1.
  struct Seen {
    let column: Int
    let share: Float
  }

  /// Latent columns beside a picture that its decoder is shown.
  static let decoderMargin = 8
  /// Latent columns that are seen again at most.
  private static let overlap = 6

  let width: Int
  let seen: [Seen]

  init(width: Int) {
    self.width = width
    let extra = min(width, Self.overlap)
    seen = (0..<width + extra).map { place in
      let column = place % width
      guard column < extra else { return Seen(column: column, share: 1) }
      let share = (Float(column) + 0.5) / Float(extra)
      return Seen(column: column, share: place < width ? share : 1 - share)
    }
  }

  /// As many columns of the other end on each side as a decoder needs to see.
  func widened(by margin: Int) -> [Int] {
    (-margin..<width + margin).map { (($0 % width) + width) % width }
  }
}
