/// What an adapter adds to a weight: scale · up · down, of low rank. Hu et al., 2021 (LoRA,
/// arXiv:2106.09685). Read from its file when the weight is.
struct LowRankUpdate: Sendable {
  /// [rows, rank] and [rank, columns]; convolutions have further axes, which lie inside `columns`.
  let up: StoredTensor
  let down: StoredTensor
  let rank: Int
  var scale: Float

  var rows: Int { up.shape[0] }
  var columns: Int { down.count / rank }

  /// Adds to `some` elements of the weight, row after row, at `out`.
  ///
  /// Throws `changed` or `checkpoint` where the file can no longer be read.
  func add(elements some: Range<Int>, to out: UnsafeMutablePointer<Float>) throws(DiffusionError) {
    guard !some.isEmpty else { return }
    let columns = columns
    let rows = some.lowerBound / columns..<(some.upperBound + columns - 1) / columns
    let left = try FloatStorage(count: rows.count * rank, for: "an adapter")
    try up.widen(elements: rows.lowerBound * rank..<rows.upperBound * rank, to: left.mutable)
    let right = try FloatStorage(count: rank * columns, for: "an adapter")
    try down.widen(elements: 0..<rank * columns, to: right.mutable)
    for row in rows {
      let own = (row * columns..<(row + 1) * columns).clamped(to: some)
      let first = own.lowerBound - row * columns
      let target = UnsafeMutableBufferPointer(
        start: out + (own.lowerBound - some.lowerBound), count: own.count)
      for inner in 0..<rank {
        let factor = scale * left.pointer[(row - rows.lowerBound) * rank + inner]
        let source = right.pointer + (inner * columns + first)
        for column in target.indices { target[column] += factor * source[column] }
      }
    }
  }
}
