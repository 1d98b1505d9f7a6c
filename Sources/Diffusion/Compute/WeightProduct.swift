internal import CDiffusionKernels
internal import Cores

/// A product with packed weights over all threads: out = rows · weightᵀ + bias + residual, where
/// the rows lie in memory or are the patches of a map.
///
/// It may cross to the pool's threads for the reason that a ``Tensor`` may: they only read what
/// `product` points to, write disjoint rows and columns of `out`, and are done before `run` returns.
struct WeightProduct: @unchecked Sendable {
  let product: dk_product
  private let rowCount: Int
  /// Keeps the memory behind `product` alive.
  private let matrix: PackedMatrix

  /// `residual` may be `out`; neither may be what the rows are made of.
  init(
    rows: dk_rows, count: Int, weight: MatrixWeight, bias: UnsafePointer<Float>?,
    residual: Rows?, out: Rows, _ compute: Compute
  ) throws(DiffusionError) {
    matrix = try weight.packed(compute.pool)
    rowCount = count
    product = dk_product(
      rows: rows, depth: weight.columns, weight: matrix.bytes, element: matrix.element,
      columns: weight.rows, bias: bias, residual: residual.map { UnsafePointer($0.data) },
      residual_stride: residual?.stride ?? 0, out: out.data, out_stride: out.stride,
      instructions: compute.instructions.kernels)
  }

  var panels: Int { dk_panels(product.columns) }

  func grid(_ compute: Compute) -> ProductGrid {
    let work = rowCount * product.columns * product.depth
    return ProductGrid(
      rows: rowCount, grain: 14, panels: panels,
      threads: work < Compute.smallestShared ? 1 : compute.pool.threads)
  }

  /// Row by row, gathering patches as it goes.
  func run(_ compute: Compute) throws(DiffusionError) {
    switch compute.library ?? .best(with: compute.instructions) {
    case .own: try runOwn(compute)
    case .openBLAS:
      try compute.pause()
      try runOpenBLAS(compute)
    }
  }

  private func runOwn(_ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let all = grid(compute)
    let each = dk_product_scratch()
    let scratch = Rows(data: try compute.arena.floats(all.slices * each), stride: each)
    let parts = compute.parts(Double(rowCount) * Double(product.columns * product.depth))
    for part in 0..<parts {
      try compute.pause()
      let first = rowCount * part / parts
      let grid = all.with(rows: rowCount * (part + 1) / parts - first)
      compute.pool.run(slices: grid.slices) { slice in
        let (rows, panels) = grid.part(slice)
        guard !rows.isEmpty, !panels.isEmpty else { return }
        withUnsafePointer(to: product) { product in
          dk_product_slice(
            product, first + rows.lowerBound, rows.count, panels.lowerBound, panels.count,
            scratch.row(slice))
        }
      }
    }
  }
}
