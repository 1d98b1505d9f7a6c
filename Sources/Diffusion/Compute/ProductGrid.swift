/// How a product's rows and panels of columns are shared out: `down` parts of the rows, `across`
/// parts of the panels, one of each a thread.
struct ProductGrid: Sendable {
  let rows: Int
  let panels: Int
  let down: Int
  let across: Int

  var slices: Int { down * across }

  /// The grid whose largest part is smallest; of equal ones that with the most parts across, because
  /// each part across reads weights of its own. Rows are worked off `grain` at a time.
  init(rows: Int, grain: Int, panels: Int, threads: Int) {
    var best = (cost: Int.max, down: 1, across: 1)
    for across in stride(from: min(threads, panels), to: 0, by: -1) {
      let down = max(1, min(threads / across, rows / grain))
      let perRows = ((rows + down - 1) / down + grain - 1) / grain
      let cost = perRows * ((panels + across - 1) / across)
      if cost < best.cost { best = (cost, down, across) }
    }
    self.init(rows: rows, panels: panels, down: best.down, across: best.across)
  }

  private init(rows: Int, panels: Int, down: Int, across: Int) {
    self.rows = rows
    self.panels = panels
    self.down = down
    self.across = across
  }

  /// The same grid over other rows.
  func with(rows: Int) -> ProductGrid {
    ProductGrid(rows: rows, panels: panels, down: down, across: across)
  }

  /// The same parts cut into about `count` each, for threads that take the next one when they have done
  /// one: of as many panels as a product goes through at a time, and of some of the rows. Those of the same
  /// panels follow each other, so that their weights stay near.
  func cut(into count: Int) -> ProductGrid {
    let byPanels = max(1, min(count, (panels / across + Self.panelGroup - 1) / Self.panelGroup))
    let byRows = max(1, min(count / byPanels, rows / down / Self.fewestRows))
    return ProductGrid(
      rows: rows, panels: panels, down: down * byRows, across: across * byPanels)
  }

  /// The same parts, the panels of each cut into at most `count`.
  func cutPanels(into count: Int) -> ProductGrid {
    ProductGrid(
      rows: rows, panels: panels, down: down,
      across: across * max(1, min(count, panels / across)))
  }

  private static let panelGroup = 12
  /// Fewer do not repay fetching the weights once more.
  private static let fewestRows = 112

  /// Some parts may be empty.
  func part(_ slice: Int) -> (rows: Range<Int>, panels: Range<Int>) {
    let row = slice % down
    let column = slice / down
    return (
      rows * row / down..<rows * (row + 1) / down,
      panels * column / across..<panels * (column + 1) / across
    )
  }
}
