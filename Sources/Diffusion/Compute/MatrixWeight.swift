internal import Synchronization

/// A weight matrix [rows, columns] for `out = in · weightᵀ`, made ready when it is first needed.
///
/// Several stored tensors may lie below each other in it (query, key, value). A convolution's
/// [out, in, k, k] becomes [out, k, k, in], the order in which channels-last patches are gathered.
final class MatrixWeight: Sendable {
  let rows: Int
  let columns: Int
  private let parts: [StoredTensor]
  /// Height times width of a convolution's kernel; 1 for a plain matrix.
  private let taps: Int
  private let prepared = Mutex<FloatStorage?>(nil)

  /// Each part has `columns` elements a row; their shapes were checked when they were taken.
  init(_ parts: [StoredTensor], columns: Int, taps: Int = 1) {
    precondition(columns > 0 && taps > 0 && columns % taps == 0)
    self.parts = parts
    self.columns = columns
    self.taps = taps
    rows = parts.reduce(0) { $0 + $1.count } / columns
  }

  var bytesInFile: Int { parts.reduce(0) { $0 + $1.range.count } }

  /// The elements as f32, valid as long as this object is.
  func pointer() throws(DiffusionError) -> UnsafePointer<Float> {
    if let mapped { return mapped }
    return try prepare().pointer
  }

  /// Makes a copy in memory of our own now, so that nothing is read from the file later.
  @discardableResult
  func prepare() throws(DiffusionError) -> FloatStorage {
    try prepared.withLock { storage throws(DiffusionError) in
      if let storage { return storage }
      let made = try widened()
      storage = made
      return made
    }
  }

  /// The file's own bytes, where they are what the product takes and nobody prepared a copy.
  private var mapped: UnsafePointer<Float>? {
    guard parts.count == 1, taps == 1, parts[0].elementType == .float32,
      let base = parts[0].bytes.baseAddress, Int(bitPattern: base) % 4 == 0,
      prepared.withLock({ $0 == nil })
    else { return nil }
    return base.bindMemory(to: Float.self, capacity: rows * columns)
  }

  private func widened() throws(DiffusionError) -> FloatStorage {
    let storage = try FloatStorage(count: rows * columns, for: "the weight \(parts[0].name)")
    var out = storage.mutable
    guard taps > 1 else {
      for part in parts {
        part.widen(elements: 0..<part.count, to: out)
        out += part.count
      }
      return storage
    }
    let channels = columns / taps
    let line = try FloatStorage(count: columns, for: "the weight \(parts[0].name)")
    for part in parts {
      for row in 0..<part.count / columns {
        part.widen(elements: row * columns..<(row + 1) * columns, to: line.mutable)
        for tap in 0..<taps {
          for channel in 0..<channels {
            out[tap * channels + channel] = line.mutable[channel * taps + tap]
          }
        }
        out += columns
      }
    }
    return storage
  }
}
