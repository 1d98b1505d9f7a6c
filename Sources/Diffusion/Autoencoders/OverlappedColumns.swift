/// A wide picture's latent columns in parts that overlap, for a decoder that looks at all that it is shown: each
/// part is decoded with some of its neighbours, and where two of them meet one fades into the other.
struct OverlappedColumns {
  /// One part: the columns that are its own, and those that the decoder is shown.
  struct Part {
    let own: Range<Int>
    let seen: Range<Int>
  }

  /// Latent columns that are decoded as a whole; a picture that has no more is not cut.
  static let whole = 128
  /// Latent columns of a part, besides those of its neighbours, at most.
  static let columns = 96
  /// Latent columns that a part is shown of each neighbour.
  static let margin = 16
  /// Latent columns to each side of where two parts meet, over which they fade. What lies further out was
  /// decoded too near to an edge.
  static let fade = 8

  let parts: [Part]

  init(width: Int) {
    let count = width <= Self.whole ? 1 : (width + Self.columns - 1) / Self.columns
    parts = (0..<count).map { part in
      let own = width * part / count..<width * (part + 1) / count
      return Part(
        own: own,
        seen: max(0, own.lowerBound - Self.margin)..<min(width, own.upperBound + Self.margin))
    }
  }

  /// How much of a pixel column, of `pixels` a latent, is taken from a part; over all parts that makes 1.
  func share(of part: Int, at column: Int, pixels: Int) -> Float {
    let own = parts[part].own
    /// From 0 to 1 over the fade around a place where two parts meet.
    func rise(around latent: Int) -> Float {
      let share = (Float(column - latent * pixels) + 0.5) / Float(2 * Self.fade * pixels) + 0.5
      return min(max(share, 0), 1)
    }
    let left = part == 0 ? 1 : rise(around: own.lowerBound)
    let right = part == parts.count - 1 ? 0 : rise(around: own.upperBound)
    return left - right
  }
}
