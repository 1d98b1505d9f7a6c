internal import CDiffusionKernels
internal import Cores
internal import Synchronization

/// A weight matrix [rows, columns] for `out = in · weightᵀ`, made ready when it is first needed.
///
/// Several stored tensors may lie below each other in it (query, key, value). A convolution's
/// [out, in, k, k] becomes [out, k, k, in], the order in which channels-last patches are gathered.
final class MatrixWeight: StoredWeight {
  let rows: Int
  let columns: Int
  private let parts: [StoredTensor]
  /// Height times width of a convolution's kernel; 1 for a plain matrix.
  private let taps: Int
  private let prepared = Mutex<PackedMatrix?>(nil)

  /// Each part has `columns` elements a row; their shapes were checked when they were taken.
  init(_ parts: [StoredTensor], columns: Int, taps: Int = 1) {
    precondition(columns > 0 && taps > 0 && columns % taps == 0)
    self.parts = parts
    self.columns = columns
    self.taps = taps
    rows = parts.reduce(0) { $0 + $1.count } / columns
  }

  var bytesInFile: Int { parts.reduce(0) { $0 + $1.range.count } }

  /// The packed elements. The first call packs them, on all threads of the pool, and hands the
  /// file's pages back to the system.
  func packed(_ pool: ComputePool) throws(DiffusionError) -> PackedMatrix {
    try prepared.withLock { matrix throws(DiffusionError) in
      if let matrix { return matrix }
      let made = try pack(pool)
      for part in parts { part.forget() }
      matrix = made
      return made
    }
  }

  func prepare(_ pool: ComputePool) throws(DiffusionError) { _ = try packed(pool) }

  private func pack(_ pool: ComputePool) throws(DiffusionError) -> PackedMatrix {
    let types = Set(parts.map(\.elementType))
    let element: dk_element =
      switch types {
      case [.float16]: dk_element_float16
      case [.bfloat16]: dk_element_bfloat16
      default: dk_element_float32
      }
    let matrix = try PackedMatrix(
      rows: rows, columns: columns, element: element, for: "the weight \(parts[0].name)")
    // Where the parts are of several types, they become f32 first, a row at a time.
    let wide = types.count > 1
    let lines =
      wide ? try FloatStorage(count: pool.threads * columns, for: "a row of weights") : nil
    let panels = dk_panels(rows)
    let slices = rows * columns < Self.smallestShared ? 1 : pool.threads
    pool.run(slices: slices) { slice in
      let mine =
        panels * slice / slices * Int(DK_PANEL)..<panels * (slice + 1) / slices * Int(DK_PANEL)
      var first = 0
      for part in parts {
        let own = (first..<first + part.count / columns).clamped(to: mine)
        defer { first += part.count / columns }
        guard !own.isEmpty, let base = part.bytes.baseAddress else { continue }
        if let lines {
          let line = lines.mutable + slice * columns
          for row in own {
            part.widen(elements: (row - first) * columns..<(row - first + 1) * columns, to: line)
            dk_pack(line, 4, row, 1, rows, columns / taps, taps, matrix.bytes)
          }
        } else {
          let size = part.elementType.byteCount
          dk_pack(
            base + (own.lowerBound - first) * columns * size, size, own.lowerBound, own.count,
            rows, columns / taps, taps, matrix.bytes)
        }
      }
    }
    return matrix
  }

  /// Elements below which waking another thread costs more than it saves.
  private static let smallestShared = 1 << 16
}
