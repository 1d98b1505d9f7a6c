/// The adapters that a session runs beside a model's weights. Sessions of one model whose sets are equal
/// compute with the same numbers.
struct AdapterSet: Sendable {
  /// In the order of their paths, without those of weight 0.
  let adapters: [ModelAdapter]
  private let layers: [ObjectIdentifier: [LowRankLayer]]

  init(_ loaded: [(adapter: ModelAdapter, file: LoadedAdapter)]) {
    adapters = loaded.map(\.adapter)
    var layers: [ObjectIdentifier: [LowRankLayer]] = [:]
    for (adapter, file) in loaded {
      for (weight, layer) in file.layers {
        var layer = layer
        layer.scale *= Float(adapter.weight)
        layers[weight, default: []].append(layer)
      }
    }
    self.layers = layers
  }

  /// Those of the layer with that weight.
  subscript(_ weight: MatrixWeight) -> [LowRankLayer] { layers[ObjectIdentifier(weight)] ?? [] }
}
