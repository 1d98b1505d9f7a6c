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
  let form: WeightForm
  private let prepared = Mutex<PackedMatrix?>(nil)

  /// Each part has `columns` elements a row; their shapes were checked when they were taken.
  init(_ parts: [StoredTensor], columns: Int, taps: Int = 1, form: WeightForm = .stored) {
    precondition(columns > 0 && taps > 0 && columns % taps == 0)
    self.parts = parts
    self.columns = columns
    self.taps = taps
    self.form = form
    rows = parts.reduce(0) { $0 + $1.count } / columns
  }

  var channels: Int { columns / taps }
  /// Words of a row, where the form has such, or else its elements.
  var depth: Int { (channels + form.wordLength - 1) / form.wordLength * taps }

  var residentBytes: Int { prepared.withLock { $0?.byteCount ?? 0 } }
  var bytesInFile: Int { parts.reduce(0) { $0 + $1.range.count } }

  /// The packed elements. The first call reads and packs them, on all threads of the pool.
  ///
  /// Throws `changed` or `checkpoint` where the file can no longer be read.
  func packed(_ pool: ComputePool) throws(DiffusionError) -> PackedMatrix {
    try prepared.withLock { matrix throws(DiffusionError) in
      if let matrix { return matrix }
      let made = try pack(pool)
      matrix = made
      return made
    }
  }

  func prepare(_ pool: ComputePool) throws(DiffusionError) { _ = try packed(pool) }

  private func pack(_ pool: ComputePool) throws(DiffusionError) -> PackedMatrix {
    let types = Set(parts.map(\.elementType))
    let element: dk_element =
      switch (form, types) {
      case (.pairs, _): dk_element_pairs
      case (.quads, _): dk_element_quads
      case (.stored, [.float16]), (.rounded, [.float16]): dk_element_float16
      case (.rounded, _), (.stored, [.bfloat16]): dk_element_bfloat16
      case (.stored, _): dk_element_float32
      }
    let matrix = try PackedMatrix(
      rows: rows, channels: channels, taps: taps, element: element,
      for: "the weight \(parts[0].name)")
    // Where the parts are of several types or not yet of the form, they become f32 on the way.
    let wide =
      types.count > 1 || form.wordLength > 1
      || form == .rounded && types.contains { $0.byteCount > 2 }
    let panels = dk_panels(rows)
    let slices = rows * columns < Self.smallestShared ? 1 : pool.threads
    // Whole panels at a time, where they fit.
    let panel = Int(DK_PANEL)
    let piece = min(max(Self.pieceElements / columns / panel * panel, panel), panels * panel)
    let lines = try FloatStorage(count: slices * piece * columns, for: "a piece of weights")
    let failure = Mutex<DiffusionError?>(nil)
    pool.run(slices: slices) { slice in
      let mine =
        panels * slice / slices * Int(DK_PANEL)..<panels * (slice + 1) / slices * Int(DK_PANEL)
      var first = 0
      for part in parts {
        let own = (first..<first + part.count / columns).clamped(to: mine)
        defer { first += part.count / columns }
        let line = lines.mutable + slice * piece * columns
        for start in stride(from: own.lowerBound, to: own.upperBound, by: piece) {
          let count = min(piece, own.upperBound - start)
          let elements = (start - first) * columns..<(start - first + count) * columns
          do throws(DiffusionError) {
            if wide {
              try part.widen(elements: elements, to: line)
            } else {
              try part.read(elements: elements, to: line)
            }
          } catch {
            return failure.withLock { $0 = error }
          }
          switch form {
          case .stored:
            dk_pack(
              line, wide ? 4 : part.elementType.byteCount, start, count, rows, channels, taps,
              matrix.bytes)
          case .rounded:
            if wide { dk_round_bfloat16(line, line, count * columns) }
            dk_pack(line, 2, start, count, rows, channels, taps, matrix.bytes)
          case .pairs, .quads:
            dk_pack_words(line, element, start, count, rows, channels, taps, matrix.bytes)
          }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return matrix
  }

  /// Elements that a thread reads from the file at a time.
  private static let pieceElements = 1 << 17

  /// Elements below which waking another thread costs more than it saves.
  private static let smallestShared = 1 << 16
}
