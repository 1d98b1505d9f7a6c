internal import CDiffusionKernels

/// A product with packed weights over all threads: out = rows · weightᵀ + bias + residual, where
/// the rows lie in memory or are the patches of a map.
///
/// It may cross to the pool's threads for the reason that a ``Tensor`` may.
struct WeightProduct: @unchecked Sendable {
  private let product: dk_product
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

  private var panels: Int { dk_panels(product.columns) }

  /// Row by row, gathering patches as it goes.
  func run(_ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let work = rowCount * product.columns * product.depth
    let grid = ProductGrid(
      rows: rowCount, grain: 14, panels: panels,
      threads: work < MatrixProduct.smallestShared ? 1 : compute.pool.threads)
    let each = dk_product_scratch()
    let scratch = Rows(data: try compute.arena.floats(grid.slices * each), stride: each)
    compute.pool.run(slices: grid.slices) { slice in
      let (rows, panels) = grid.part(slice)
      guard !rows.isEmpty, !panels.isEmpty else { return }
      withUnsafePointer(to: product) { product in
        dk_product_slice(
          product, rows.lowerBound, rows.count, panels.lowerBound, panels.count,
          scratch.row(slice))
      }
    }
  }

  /// Floats of transformed input that are kept at once: 16 MiB, which a last-level cache may hold
  /// and which are enough tiles for each transformed weight.
  private static let transformedBudget = 4 << 20
  private static let fewestTiles = 64

  /// A 3×3 convolution of stride 1 by Winograd's F(size × size, 3×3).
  func runWinograd(size: Int, batch: Int, _ compute: Compute) throws(DiffusionError) {
    let all = withUnsafePointer(to: product) { dk_winograd_tiles($0, size, batch) }
    let channels = product.rows.channels
    let tileFloats = dk_winograd_input_count(channels, size, 1)
    let most = max(Self.fewestTiles, Self.transformedBudget / tileFloats)
    let blocks = (all + most - 1) / most
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let largest = (all + blocks - 1) / blocks
    let transformed = Rows(data: try compute.arena.floats(largest * tileFloats), stride: 0)
    let threads = all * channels < 1 << 8 ? 1 : compute.pool.threads
    // For the largest block; the others' slices are no larger.
    let grid = ProductGrid(rows: largest, grain: 14, panels: panels, threads: threads)
    let each = dk_winograd_scratch(channels, size, (largest + grid.down - 1) / grid.down)
    let scratch = Rows(data: try compute.arena.floats(grid.slices * each), stride: each)
    for block in 0..<blocks {
      let start = all * block / blocks
      let count = all * (block + 1) / blocks - start
      let input = min(threads, count)
      compute.pool.run(slices: input) { slice in
        let first = count * slice / input
        withUnsafePointer(to: product) { product in
          dk_winograd_input(
            product, size, start, count, first, count * (slice + 1) / input - first,
            transformed.data)
        }
      }
      let grid = grid.with(rows: count)
      compute.pool.run(slices: grid.slices) { slice in
        let (tiles, panels) = grid.part(slice)
        guard !tiles.isEmpty, !panels.isEmpty else { return }
        withUnsafePointer(to: product) { product in
          dk_winograd_slice(
            product, size, start, count, tiles.lowerBound, tiles.count, transformed.data,
            panels.lowerBound, panels.count, scratch.row(slice))
        }
      }
    }
  }
}
