/// Hands the tensors of one model part out by name and shape, and knows which were never asked for.
///
/// Used while loading only; what it returns holds on to the mapped file.
final class WeightReader {
  let file: String
  private let tensors: [String: StoredTensor]
  private var taken: Set<String> = []
  private(set) var parameterCount = 0
  /// Every matrix and table made of this reader's tensors.
  private(set) var weights: [any StoredWeight] = []

  /// Opens the files that hold `folder`'s weights; see ``WeightFiles``.
  init(folder: String, stem: String, torchStem: String? = nil) throws(DiffusionError) {
    let files = try WeightFiles(folder: folder, stem: stem, torchStem: torchStem ?? stem)
    var tensors: [String: StoredTensor] = [:]
    for path in files.paths {
      for tensor in try files.open(path).tensors {
        guard tensors.updateValue(tensor, forKey: tensor.name) == nil else {
          throw .checkpoint(path, tensor: tensor.name, "is in another shard as well")
        }
      }
    }
    try files.checkPlaces { tensors[$0]?.file.path }
    self.file = files.name
    self.tensors = tensors
  }

  var root: WeightScope { WeightScope(reader: self, prefix: "") }

  func contains(_ name: String) -> Bool { tensors[name] != nil }

  /// The tensor of that name, if one of the shapes is its own.
  func take(_ name: String, shapes: [[Int]]) throws(DiffusionError) -> StoredTensor {
    guard let tensor = tensors[name] else {
      throw .checkpoint(
        file, tensor: name, "is missing; the configuration needs it with shape \(shapes[0])")
    }
    guard shapes.contains(tensor.shape) else {
      throw .checkpoint(
        tensor.file.path, tensor: name,
        "has shape \(tensor.shape); the configuration needs \(shapes[0])")
    }
    guard tensor.elementType.isWeight else {
      throw .checkpoint(
        tensor.file.path, tensor: name,
        "has element type \(tensor.elementType.rawValue); F32, F16 or BF16 is needed")
    }
    if taken.insert(name).inserted { parameterCount += tensor.count }
    return tensor
  }

  /// One matrix of tensors taken before; see ``MatrixWeight``.
  func matrix(_ parts: [StoredTensor], columns: Int, taps: Int = 1) -> MatrixWeight {
    let matrix = MatrixWeight(parts, columns: columns, taps: taps)
    weights.append(matrix)
    return matrix
  }

  /// A table whose rows are looked up, made of a tensor taken before.
  func table(_ tensor: StoredTensor, columns: Int) -> EmbeddingTable {
    let table = EmbeddingTable(tensor, columns: columns)
    weights.append(table)
    return table
  }

  /// Ends the reading: a tensor nobody asked for means that the configuration is another's.
  func finish(ignoring ignored: (String) -> Bool = { _ in false }) throws(DiffusionError) {
    let surplus = tensors.keys.filter { !taken.contains($0) && !ignored($0) }.sorted()
    guard let first = surplus.first, let tensor = tensors[first] else { return }
    throw .checkpoint(
      tensor.file.path, tensor: first,
      "is not part of the configured model (\(surplus.count) such tensors)")
  }
}
