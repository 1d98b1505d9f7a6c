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

  /// Opens `folder`'s weights: one safetensors file, or several named by an index file.
  init(folder: String, stem: String) throws(DiffusionError) {
    let single = "\(folder)/\(stem).safetensors"
    let index = "\(single).index.json"
    var files: [String] = [single]
    if !MappedFile.exists(single), MappedFile.exists(index) {
      files = try Self.shards(index: index, folder: folder)
    }
    var tensors: [String: StoredTensor] = [:]
    for path in files {
      for tensor in try SafetensorsFile(path: path).tensors {
        guard tensors.updateValue(tensor, forKey: tensor.name) == nil else {
          throw .checkpoint(path, tensor: tensor.name, "is in another shard as well")
        }
      }
    }
    self.file = single
    self.tensors = tensors
  }

  private static func shards(
    index: String, folder: String
  ) throws(DiffusionError) -> [String] {
    let config = try ConfigReader(path: index, limit: 64 << 20)
    guard let map = try config.object("weight_map") else {
      throw .checkpoint(index, "weight_map is missing")
    }
    var names: Set<String> = []
    for (tensor, value) in map.members {
      guard case .string(let name) = value, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/"))
      else {
        throw .checkpoint(index, tensor: tensor, "its shard is not a file name")
      }
      names.insert(name)
      guard names.count <= 256 else { throw .checkpoint(index, "names more than 256 shards") }
    }
    return names.sorted().map { "\(folder)/\($0)" }
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
