internal import CDiffusionKernels
internal import COpenBLAS
internal import Cores

extension WeightProduct {
  /// Panels whose weights are laid out at once, and floats of gathered rows: what OpenBLAS packs once
  /// more should still be in cache.
  private static let panelGroup = 16
  private static let rowBudget = 1 << 17

  /// The product by OpenBLAS, which sees one depth block of both sides at a time.
  func runOpenBLAS(_ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let grid = grid(compute)
    let block = dk_depth_block(product.depth)
    let rowGroup = Self.rowBudget / block
    let width = Self.panelGroup * Int(DK_PANEL)
    let each = block * width + rowGroup * block
    let scratch = Rows(data: try compute.arena.floats(grid.slices * each), stride: each)
    compute.pool.run(slices: grid.slices) { slice in
      let (rows, panels) = grid.part(slice)
      let weights = scratch.row(slice)
      let lines = weights + block * width
      for panel in stride(from: panels.lowerBound, to: panels.upperBound, by: Self.panelGroup) {
        let group = min(Self.panelGroup, panels.upperBound - panel)
        let column = panel * Int(DK_PANEL)
        let columns = min(group * Int(DK_PANEL), product.columns - column)
        start(rows, column..<column + columns)
        for first in stride(from: 0, to: product.depth, by: block) {
          let depth = min(block, product.depth - first)
          withUnsafePointer(to: product) { dk_product_weights($0, first, panel, group, weights) }
          for row in stride(from: rows.lowerBound, to: rows.upperBound, by: rowGroup) {
            let count = min(rowGroup, rows.upperBound - row)
            withUnsafePointer(to: product) { dk_product_rows($0, row, count, first, depth, lines) }
            cblas_sgemm(
              CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(count), Int32(columns),
              Int32(depth), 1, lines, Int32(depth), weights, Int32(group * Int(DK_PANEL)), 1,
              product.out + row * product.out_stride + column, Int32(product.out_stride))
          }
        }
      }
    }
  }

  /// Residual and bias into a part of the result.
  private func start(_ rows: Range<Int>, _ columns: Range<Int>) {
    dk_start_rows(
      product.out + rows.lowerBound * product.out_stride + columns.lowerBound, product.out_stride,
      product.residual.map { $0 + rows.lowerBound * product.residual_stride + columns.lowerBound },
      product.residual_stride, product.bias.map { $0 + columns.lowerBound }, rows.count,
      columns.count)
  }
}
