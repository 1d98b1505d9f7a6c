/// A tensor of a layer's weights that an adapter may change.
struct AdapterPlace: Sendable {
  let weight: MatrixWeight
  /// Where the tensor's rows begin in the matrix: several may lie below each other.
  let firstRow: Int
  let shape: [Int]
  /// Height times width of a convolution's kernel; 1 for a plain matrix.
  let taps: Int

  var rows: Int { shape.first ?? 0 }
}

/// The layers of a checkpoint that adapters may change, by ``LoRAFile``'s form of their names.
struct AdapterPlaces: Sendable {
  let unet: [String: AdapterPlace]
  let textEncoder: [String: AdapterPlace]

  /// By the tensors' names, `….weight`.
  init(unet: [String: AdapterPlace], textEncoder: [String: AdapterPlace]) {
    self.unet = Self.byLayer(unet)
    self.textEncoder = Self.byLayer(textEncoder)
  }

  private static func byLayer(_ places: [String: AdapterPlace]) -> [String: AdapterPlace] {
    var layers: [String: AdapterPlace] = [:]
    for (name, place) in places { layers[LoRAFile.layer(ofWeight: name)] = place }
    return layers
  }
}
