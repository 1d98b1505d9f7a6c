/// SiLU of the timesteps' embeddings of a batch, with what joins them.
struct StepTime: Sendable {
  /// [rows, 1, 1, embedding]: a row for some items of the batch that follow each other, or for each of
  /// them.
  let rows: Tensor
  /// Of every picture in the batch, how many items it has.
  let items: [Int]

  /// Whether a picture's items share one row, which then joins the bias of a convolution; else it is
  /// added to that one's result. The sums are rounded differently, so it must not depend on the other
  /// pictures.
  func isShared(_ picture: Int) -> Bool { rows(of: picture).count == 1 }

  /// The rows of a picture.
  func rows(of picture: Int) -> Range<Int> { starts[picture]..<starts[picture + 1] }

  private let starts: [Int]

  /// `counts` are the rows of every picture.
  init(rows: Tensor, counts: [Int], items: [Int]) {
    precondition(counts.count == items.count)
    self.rows = rows
    self.items = items
    starts = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    precondition(starts[counts.count] == rows.batch)
  }
}
