/// A place in the tree of tensor names, such as `down_blocks.0.resnets.1`.
struct WeightScope {
  let reader: WeightReader
  let prefix: String

  subscript(_ name: String) -> WeightScope {
    WeightScope(reader: reader, prefix: prefix.isEmpty ? name : "\(prefix).\(name)")
  }

  subscript(_ name: String, _ index: Int) -> WeightScope { self["\(name).\(index)"] }

  func contains(_ name: String) -> Bool { reader.contains(self[name].prefix) }

  func vector(_ name: String, count: Int) throws(DiffusionError) -> FloatStorage {
    let tensor = try reader.take(self[name].prefix, shapes: [[count]])
    let storage = try FloatStorage(count: count, for: "\(prefix).\(name)")
    try tensor.widen(elements: 0..<count, to: storage.mutable)
    return storage
  }

  /// A [rows, columns] matrix; [rows, columns, 1, 1], a 1×1 convolution's, is the same thing.
  func stored(_ name: String, rows: Int, columns: Int) throws(DiffusionError) -> StoredTensor {
    try reader.take(
      self[name].prefix, shapes: [[rows, columns], [rows, columns, 1, 1]])
  }

  func stored(_ name: String, shape: [Int]) throws(DiffusionError) -> StoredTensor {
    try reader.take(self[name].prefix, shapes: [shape])
  }
}
