/// Collects the key and value projections of a model's cross-attentions while it is loaded.
struct CrossAttentionSlots: Sendable {
  private(set) var projections: [Linear] = []

  mutating func add(_ projection: Linear) -> Int {
    projections.append(projection)
    return projections.count - 1
  }
}
