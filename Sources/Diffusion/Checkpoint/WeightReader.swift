internal import Provenance

/// Hands the tensors of one model part out by name and shape, and knows which were never asked for.
///
/// Used while loading only; what it returns holds on to the open file.
final class WeightReader {
  let file: String
  /// What the layers made of it compute in.
  var precision = Precision.f32
  private var tensors: [String: StoredTensor]
  private var taken: Set<String> = []
  private(set) var parameterCount = 0
  /// Every matrix and table made of this reader's tensors.
  private(set) var weights: [any StoredWeight] = []
  /// Where each tensor of the matrices lies, by its name.
  private(set) var places: [String: AdapterPlace] = [:]

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

  /// Tensors that lie in one file beside others, by the names that they have here.
  init(file: String, tensors: [StoredTensor]) throws(DiffusionError) {
    var named: [String: StoredTensor] = [:]
    for tensor in tensors {
      guard named.updateValue(tensor, forKey: tensor.name) == nil else {
        throw .checkpoint(file, tensor: tensor.name, "is there twice")
      }
    }
    self.file = file
    self.tensors = named
  }

  var root: WeightScope { WeightScope(reader: self, prefix: "") }

  var names: [String] { Array(tensors.keys) }

  func shape(of name: String) -> [Int] { tensors[name]?.shape ?? [] }

  /// Adds a product, whose shape fits, to the tensor of that name before it is taken.
  func add(_ update: LowRankUpdate, to name: String?) {
    if let name { tensors[name]?.updates.append(update) }
  }

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
  func matrix(
    _ parts: [StoredTensor], columns: Int, taps: Int = 1, form: WeightForm = .stored
  ) -> MatrixWeight {
    let matrix = MatrixWeight(parts, columns: columns, taps: taps, form: form)
    weights.append(matrix)
    var row = 0
    for part in parts {
      places[part.name] = AdapterPlace(weight: matrix, firstRow: row, shape: part.shape, taps: taps)
      row += part.count / columns
    }
    return matrix
  }

  /// The form of a layer's matrix; `filtering`: of a convolution by minimal filtering, which transforms it
  /// before it rounds.
  func form(filtering: Bool) -> WeightForm {
    switch precision {
    case .f32: .stored
    case .bf16: filtering ? .rounded : .pairs
    case .int8: .quads
    }
  }

  /// A table whose rows are looked up, made of a tensor taken before.
  func table(_ tensor: StoredTensor, columns: Int) -> EmbeddingTable {
    let table = EmbeddingTable(tensor, columns: columns)
    weights.append(table)
    return table
  }

  /// Ends the reading. Tensors that nobody asked for have no effect, which `warnings` then says:
  /// a fine-tune may bring its optimiser's, but the configuration may also be another model's.
  ///
  /// Returns what tells these tensors from others: their names, shapes, element types, and samples of
  /// their data. Reads some 200 bytes of each.
  func finish(
    ignoring ignored: (String) -> Bool = { _ in false }, warnings: inout [String]
  ) throws(DiffusionError) -> Fingerprint {
    let surplus = tensors.keys.filter { !taken.contains($0) && !ignored($0) }.sorted()
    if let first = surplus.first {
      let more = surplus.count > 1 ? " and \(surplus.count - 1) more tensors are" : " is"
      warnings.append(
        "\(file): \(first.printable(64))\(more) not part of the configured model; ignored")
    }
    return try fingerprint()
  }

  private func fingerprint() throws(DiffusionError) -> Fingerprint {
    guard let builder = Fingerprint.Builder() else {
      throw .outOfMemory("not enough memory for a fingerprint")
    }
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      builder.append(name)
      builder.append(tensor.elementType.rawValue)
      for extent in [tensor.shape.count] + tensor.shape { builder.append(extent) }
      for sample in tensor.samples { builder.append(try tensor.file.bytes(sample)) }
      for update in tensor.updates {
        builder.append("\(update.scale)")
        for part in [update.up, update.down] {
          for sample in part.samples { builder.append(try part.file.bytes(sample)) }
        }
      }
    }
    return builder.fingerprint()
  }
}
