internal import CDiffusionKernels
internal import Cores

extension WeightProduct {
  /// A 3×3 convolution of stride 1 by Winograd's F(size × size, 3×3), a block of tiles after the
  /// other: the blocks' inputs and outputs are transformed in cache.
  ///
  /// Where transformed weights are small enough to stay near, each thread takes blocks of its own
  /// through all panels; else all threads take one block, each its panels. The weights are transformed
  /// once for all blocks where there are several, or else panel by panel.
  func runWinograd(size: Int, batch: Int, _ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let all = withUnsafePointer(to: product) { dk_winograd_tiles($0, size, batch) }
    let channels = product.rows.channels
    let points = (size + 2) * (size + 2)
    // Two integers have room where a float has.
    let floats = points * channels / (product.integers == 1 ? 2 : 1)
    let threads =
      all * channels * product.columns < Self.smallestShared ? 1 : compute.pool.threads
    let near = nearTiles(compute)
    let budget = all >= Self.manyTurns * threads * near ? Self.farWeights : Self.nearWeights
    if floats * product.columns <= budget, all >= 2 * threads * near {
      try runTileParts(size: size, tiles: all, threads: threads, compute)
    } else {
      let most = max(Self.fewestTiles, Self.transformedBudget / floats)
      try runTileBlocks(size: size, tiles: all, blockOf: most, threads: threads, compute)
    }
  }

  /// Each thread its own tiles, some at a time.
  private func runTileParts(
    size: Int, tiles all: Int, threads: Int, _ compute: Compute
  ) throws(DiffusionError) {
    let channels = product.rows.channels
    let ready = try weights(size: size, threads: threads, compute)
    let near = nearTiles(compute)
    let inputs = dk_winograd_input_count(channels, size, near, product.integers)
    let outputs = dk_winograd_scratch(channels, size, near, product.integers)
    let each = inputs + outputs + dk_winograd_input_scratch()
    let scratch = Rows(data: try compute.arena.floats(threads * each), stride: each)
    let points = (size + 2) * (size + 2)
    let parts = compute.parts(Double(all) * Double(points * channels * product.columns))
    // Many blocks are whole lines of a strip of tiles; of few, each thread has as many, and all are about as large.
    let least = (all + near - 1) / near
    let isMany = least >= Self.manyBlocks * threads
    let lines = near / Self.tilesOfLines * Self.tilesOfLines
    let blocks =
      isMany ? (all + lines - 1) / lines : (least + threads - 1) / threads * threads
    for part in 0..<parts {
      try compute.pause()
      let first = blocks * part / parts
      compute.pool.share(parts: blocks * (part + 1) / parts - first, slices: threads) {
        slice, piece in
        let block = first + piece
        let transformed = scratch.row(slice)
        let start = isMany ? block * lines : all * block / blocks
        let end = isMany ? min(start + lines, all) : all * (block + 1) / blocks
        let count = end - start
        withUnsafePointer(to: product) { product in
          dk_winograd_input(
            product, size, start, count, 0, count, transformed, transformed + inputs + outputs)
          dk_winograd_slice(
            product, size, start, count, 0, count, transformed, ready.data, 0, panels,
            transformed + inputs)
        }
      }
    }
  }

  /// All threads at one block, then at the next.
  private func runTileBlocks(
    size: Int, tiles all: Int, blockOf most: Int, threads: Int, _ compute: Compute
  ) throws(DiffusionError) {
    let arena = compute.arena
    let pool = compute.pool
    let channels = product.rows.channels
    let blocks = (all + most - 1) / most
    let largest = (all + blocks - 1) / blocks
    let transformed = Rows(
      data: try arena.floats(dk_winograd_input_count(channels, size, largest, product.integers)),
      stride: 0)
    let strips = Rows(
      data: try arena.floats(threads * dk_winograd_input_scratch()),
      stride: dk_winograd_input_scratch())
    let ready =
      blocks < Self.fewestBlocks
      ? nil : try weights(size: size, threads: threads, compute)
    // For the largest block; the others' slices are no larger.
    let grid = ProductGrid(rows: largest, grain: 14, panels: panels, threads: threads)
    let each = dk_winograd_scratch(
      channels, size, (largest + grid.down - 1) / grid.down, product.integers)
    let slices = grid.slices
    let scratch = Rows(data: try arena.floats(slices * each), stride: each)
    for block in 0..<blocks {
      try compute.pause()
      let start = all * block / blocks
      let count = all * (block + 1) / blocks - start
      let input = min(threads, count)
      pool.run(slices: input) { slice in
        let first = count * slice / input
        withUnsafePointer(to: product) { product in
          dk_winograd_input(
            product, size, start, count, first, count * (slice + 1) / input - first,
            transformed.data, strips.row(slice))
        }
      }
      // Only their panels are cut: the weights of a panel are transformed once.
      let grid = grid.with(rows: count).cutPanels(into: Self.panelParts)
      pool.share(parts: grid.slices, slices: slices) { slice, piece in
        let (tiles, panels) = grid.part(piece)
        guard !tiles.isEmpty, !panels.isEmpty else { return }
        withUnsafePointer(to: product) { product in
          dk_winograd_slice(
            product, size, start, count, tiles.lowerBound, tiles.count, transformed.data,
            ready?.data, panels.lowerBound, panels.count, scratch.row(slice))
        }
      }
    }
  }

  /// Floats of transformed input that are kept at once: 8 MiB, what was seen to stay in a last-level
  /// cache that others use as well.
  private static let transformedBudget = 2 << 20
  /// Floats of transformed weights that each thread may read once a block of its own: 10 MiB.
  private static let nearWeights = 5 << 19
  /// The same where each thread has many blocks: 40 MiB. That all threads take one block costs more than to
  /// fetch weights from further away.
  private static let farWeights = 10 << 20
  private static let manyTurns = 8
  /// Tiles of a thread's own block. Of few channels, in and out, they and the weights fit a second-level
  /// cache if they are as many as a product's rows go through at a time; with 256 channels, 64 of them
  /// hardly exceed it.
  private func nearTiles(_ compute: Compute) -> Int {
    let isWide = compute.instructions == .avx512 || compute.instructions == .avx512bf16
    return isWide && max(product.rows.channels, product.columns) <= 128 ? 14 : 64
  }
  /// Of two lines of a strip.
  private static let tilesOfLines = 14
  /// Blocks a thread from which on those of two threads need not be equally many.
  private static let manyBlocks = 16
  /// Fewer tiles than these do not repay reading the weights for each block.
  private static let fewestTiles = 64
  /// From how many blocks on all weights are transformed beforehand.
  private static let fewestBlocks = 2
  /// Parts that a thread's panels are cut into, to be taken one by one.
  private static let panelParts = 8
  /// Products of tiles, channels and columns below which waking another thread costs more than it
  /// saves.
  private static let smallestShared = 1 << 13

  /// All weights transformed, in the arena's present scope.
  private func weights(
    size: Int, threads: Int, _ compute: Compute
  ) throws(DiffusionError) -> Rows {
    let channels = product.rows.channels
    let count = dk_winograd_weight_count(channels, product.columns, size, product.integers)
    let weights = Rows(data: try compute.arena.floats(count), stride: 0)
    let slices = min(threads, panels)
    let each = dk_winograd_weight_scratch(channels, size, product.integers)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let scratch = Rows(data: try compute.arena.floats(slices * each), stride: each)
    compute.pool.run(slices: slices) { slice in
      let first = panels * slice / slices
      withUnsafePointer(to: product) { product in
        dk_winograd_weights(
          product, size, first, panels * (slice + 1) / slices - first, weights.data,
          scratch.row(slice))
      }
    }
    return weights
  }
}
