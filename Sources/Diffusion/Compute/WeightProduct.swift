internal import CDiffusionKernels
internal import Cores
internal import Synchronization

/// A product with packed weights over all threads: out = rows · weightᵀ + bias + residual, where
/// the rows lie in memory or are the patches of a map.
///
/// It may cross to the pool's threads for the reason that a ``Tensor`` may: they only read what
/// `product` points to, write disjoint rows and columns of `out`, and are done before `run` returns.
struct WeightProduct: @unchecked Sendable {
  private(set) var product: dk_product
  private var rowCount: Int
  /// Rows or pixels that the product's rows are made of.
  private var sourceCount: Int
  private let weight: MatrixWeight
  /// Keeps the memory behind `product` alive.
  private let matrix: PackedMatrix

  /// `residual` may be `out`; neither may be what the rows are made of: `sourceCount` pixels, where they
  /// are patches. Of minimal filtering alone: `rectified`, what is below 0 becomes 0; `inIntegers`, its
  /// products are of 16-bit integers.
  init(
    rows: dk_rows, count: Int, sourceCount: Int? = nil, weight: MatrixWeight,
    bias: UnsafePointer<Float>?, residual: Rows?, out: Rows, rectified: Bool = false,
    inIntegers: Bool = false, _ compute: Compute
  ) throws(DiffusionError) {
    matrix = try weight.packed(compute.pool)
    rowCount = count
    self.sourceCount = sourceCount ?? count
    self.weight = weight
    product = dk_product(
      rows: rows, depth: weight.depth, weight: matrix.bytes, element: matrix.element, scale: nil,
      columns: weight.rows, bias: bias, residual: residual.map { UnsafePointer($0.data) },
      residual_stride: residual?.stride ?? 0, out: out.data, out_stride: out.stride,
      rectified: rectified ? 1 : 0, integers: inIntegers ? 1 : 0,
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
    guard weight.form.wordLength == 1 else { return try runWords(compute) }
    switch compute.library ?? .best(with: compute.instructions) {
    case .own: try runOwn(compute)
    case .openBLAS:
      try compute.pause()
      try runOpenBLAS(compute)
    }
  }

  /// Makes words of the rows first.
  private func runWords(_ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let channels = weight.channels
    let words = (channels + weight.form.wordLength - 1) / weight.form.wordLength
    let most = max(1, Self.wordBudget / words)
    if product.rows.kernel == 0, rowCount > most {
      for first in stride(from: 0, to: rowCount, by: most) {
        try part(first..<min(first + most, rowCount)).runWords(compute)
      }
      return
    }
    let narrow = Rows(data: try compute.arena.floats(sourceCount * words), stride: words)
    let from = Rows(
      data: UnsafeMutablePointer(mutating: product.rows.data), stride: product.rows.stride)
    let grain = max(1, (1 << 15) / channels)
    var narrowed = self
    if weight.form == .pairs {
      let instructions = product.instructions
      compute.pool.split(sourceCount, grain: grain) { rows in
        dk_round_rows(
          instructions, from.row(rows.lowerBound), from.stride, rows.count, channels,
          narrow.row(rows.lowerBound), words)
      }
    } else if product.rows.kernel == 0 {
      let scales = Rows(data: try compute.arena.floats(sourceCount), stride: 1)
      compute.pool.split(sourceCount, grain: grain) { rows in
        dk_quantize_rows(
          from.row(rows.lowerBound), from.stride, rows.count, channels, nil,
          narrow.row(rows.lowerBound), words, scales.row(rows.lowerBound))
      }
      narrowed.product.scale = UnsafePointer(scales.data)
    } else {
      narrowed.product.scale = try quantizeMaps(from, narrow, words: words, compute)
    }
    narrowed.product.rows.data = UnsafePointer(narrow.data)
    narrowed.product.rows.stride = words
    narrowed.product.rows.channels = words
    try narrowed.runOwn(compute)
  }

  /// Some of its rows, which lie in memory.
  private func part(_ rows: Range<Int>) -> WeightProduct {
    var part = self
    part.rowCount = rows.count
    part.sourceCount = rows.count
    part.product.rows.data += rows.lowerBound * product.rows.stride
    part.product.out += rows.lowerBound * product.out_stride
    if let residual = product.residual {
      part.product.residual = residual + rows.lowerBound * product.residual_stride
    }
    return part
  }

  /// Each map of the batch with a scale of its own, so that it does not depend on the others.
  private func quantizeMaps(
    _ from: Rows, _ narrow: Rows, words: Int, _ compute: Compute
  ) throws(DiffusionError) -> UnsafePointer<Float> {
    let channels = weight.channels
    let maps = rowCount / (product.rows.out_height * product.rows.out_width)
    let pixels = sourceCount / maps
    let scales = Rows(data: try compute.arena.floats(maps), stride: 1)
    let largest = Mutex<UInt32>(0)
    for map in 0..<maps {
      let first = map * pixels
      largest.withLock { $0 = 0 }
      let grain = max(1, (1 << 15) / channels)
      compute.pool.split(pixels, grain: grain) { rows in
        let own = dk_largest_bits(
          from.row(first + rows.lowerBound), from.stride, rows.count, channels)
        largest.withLock { $0 = max($0, own) }
      }
      let whole = largest.withLock { $0 }
      compute.pool.split(pixels, grain: grain) { rows in
        // Every part would write the same scale.
        var scale: Float = 0
        var largest = whole
        dk_quantize_rows(
          from.row(first + rows.lowerBound), from.stride, rows.count, channels, &largest,
          narrow.row(first + rows.lowerBound), words, &scale)
        if rows.lowerBound == 0 { scales.row(map).pointee = scale }
      }
    }
    return UnsafePointer(scales.data)
  }

  /// Words that are made of rows at a time: 16 MiB, of a large map only a part.
  private static let wordBudget = 1 << 22

  /// Products of words that a thread takes at a time: about half a millisecond.
  private static let partWork = 1 << 24

  private func runOwn(_ compute: Compute) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let whole = grid(compute)
    let work = rowCount * product.columns * product.depth
    let all = whole.slices == 1 ? whole : whole.cut(into: work / whole.slices / Self.partWork)
    let threads = whole.slices
    let each = dk_product_scratch()
    let scratch = Rows(data: try compute.arena.floats(threads * each), stride: each)
    let parts = compute.parts(Double(rowCount) * Double(product.columns * product.depth))
    for part in 0..<parts {
      try compute.pause()
      let first = rowCount * part / parts
      let grid = all.with(rows: rowCount * (part + 1) / parts - first)
      compute.pool.share(parts: grid.slices, slices: threads) { slice, piece in
        let (rows, panels) = grid.part(piece)
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
