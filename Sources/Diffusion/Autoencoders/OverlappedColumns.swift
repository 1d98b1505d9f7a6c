/// A wide picture's latent columns in parts that overlap, from left to right.
struct OverlappedColumns {
  /// One part: the columns that are its own, and those that the autoencoder is shown.
  struct Part {
    let own: Range<Int>
    let seen: Range<Int>
  }

  let parts: [Part]
  /// See ``ColumnCut/fade``.
  let fade: Int

  init(width: Int, _ cut: ColumnCut) {
    let count = width <= cut.whole ? 1 : (width + cut.columns - 1) / cut.columns
    let grains = (width + cut.grain - 1) / cut.grain
    func start(_ part: Int) -> Int { min(width, grains * part / count * cut.grain) }
    parts = (0..<count).map { part in
      let own = start(part)..<start(part + 1)
      return Part(
        own: own,
        seen: max(0, own.lowerBound - cut.margin)..<min(width, own.upperBound + cut.margin))
    }
    fade = cut.fade
  }

  /// How much of a pixel column, of `pixels` a latent, is taken from a part; over all parts that makes 1.
  func share(of part: Int, at column: Int, pixels: Int) -> Float {
    let own = parts[part].own
    /// From 0 to 1 over the fade around a place where two parts meet.
    func rise(around latent: Int) -> Float {
      let distance = column - latent * pixels
      guard fade > 0 else { return distance < 0 ? 0 : 1 }
      let share = (Float(distance) + 0.5) / Float(2 * fade * pixels) + 0.5
      return min(max(share, 0), 1)
    }
    let left = part == 0 ? 1 : rise(around: own.lowerBound)
    let right = part == parts.count - 1 ? 0 : rise(around: own.upperBound)
    return left - right
  }

  /// The pixel columns, of `pixels` a latent, that are as they stay once the parts up to this one are there, but
  /// not before.
  func settled(by part: Int, pixels: Int) -> Range<Int> {
    let own = parts[part].own
    let start = part == 0 ? own.lowerBound : own.lowerBound - fade
    let end = part == parts.count - 1 ? own.upperBound : own.upperBound - fade
    return start * pixels..<end * pixels
  }

  /// Adds a part's share of a map of latents to the whole's.
  func add(_ map: Tensor, of part: Int, to whole: Tensor) {
    let seen = parts[part].seen
    for column in seen {
      let share = share(of: part, at: column, pixels: 1)
      guard share > 0 else { continue }
      for line in 0..<whole.batch * whole.height {
        let source = map.row(line * seen.count + column - seen.lowerBound)
        let target = whole.row(line * whole.width + column)
        for channel in 0..<whole.channels { target[channel] += share * source[channel] }
      }
    }
  }
}
