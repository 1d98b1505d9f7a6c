internal import CDiffusionKernels
internal import Cores
internal import Synchronization

/// A table [entries, columns] of which single rows are looked up.
final class EmbeddingTable: StoredWeight {
  let columns: Int
  private let tensor: StoredTensor
  private let prepared = Mutex<FloatStorage?>(nil)

  init(_ tensor: StoredTensor, columns: Int) {
    self.tensor = tensor
    self.columns = columns
  }

  var residentBytes: Int { prepared.withLock { 4 * ($0?.count ?? 0) } }
  var bytesInFile: Int { tensor.range.count }

  func prepare(_ pool: ComputePool) throws(DiffusionError) {
    try prepared.withLock { storage throws(DiffusionError) in
      guard storage == nil else { return }
      let made = try FloatStorage(count: tensor.count, for: "the table \(tensor.name)")
      try tensor.widen(elements: 0..<tensor.count, to: made.mutable)
      storage = made
    }
  }

  /// Writes row `index`, which exists, as f32.
  ///
  /// Throws `changed` or `checkpoint` where the file can no longer be read.
  func copy(row index: Int, to out: UnsafeMutablePointer<Float>) throws(DiffusionError) {
    let elements = index * columns..<(index + 1) * columns
    precondition(elements.lowerBound >= 0 && elements.upperBound <= tensor.count)
    if let storage = prepared.withLock({ $0 }) {
      out.update(from: storage.pointer + elements.lowerBound, count: columns)
    } else {
      try tensor.widen(elements: elements, to: out)
    }
  }
}
