/// A network as a list of layers, written down from its configuration alone: what a checkpoint of it
/// holds, and how much arithmetic a run takes.
struct ModelPlan {
  private(set) var layers: [PlannedLayer] = []

  var tensors: [PlannedLayer.Tensor] { self.layers.flatMap(\.tensors) }
  var flops: Double { self.layers.reduce(0) { $0 + $1.flops } }

  func flops(of kind: PlannedLayer.Kind) -> Double {
    self.layers.reduce(0) { $0 + ($1.kind == kind ? $1.flops : 0) }
  }

  /// A square convolution that makes `pixels` pixels.
  mutating func convolution(
    _ name: String, _ inChannels: Int, _ outChannels: Int, size: Int = 3, pixels: Int,
    bias: Bool = true
  ) {
    self.add(
      size == 1 ? .convolution1x1 : .convolution3x3, name,
      weight: [outChannels, inChannels, size, size], bias: bias, rows: pixels)
  }

  mutating func linear(
    _ name: String, _ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, rows: Int
  ) {
    self.add(.linear, name, weight: [outFeatures, inFeatures], bias: bias, rows: rows)
  }

  mutating func norm(_ name: String, _ channels: Int) {
    self.add(.other, name, weight: [channels], bias: true, rows: 0)
  }

  mutating func table(_ name: String, _ entries: Int, _ width: Int) {
    self.add(.other, name, weight: [entries, width], bias: false, rows: 0)
  }

  /// The two products of attention, all heads together.
  mutating func attention(queries: Int, keys: Int, channels: Int) {
    let flops = 4 * Double(queries) * Double(keys) * Double(channels)
    self.layers.append(PlannedLayer(kind: .attention, tensors: [], flops: flops))
  }

  private mutating func add(
    _ kind: PlannedLayer.Kind, _ name: String, weight shape: [Int], bias: Bool, rows: Int
  ) {
    var tensors = [PlannedLayer.Tensor(name: "\(name).weight", shape: shape)]
    if bias { tensors.append(PlannedLayer.Tensor(name: "\(name).bias", shape: [shape[0]])) }
    let weights = shape.reduce(1.0) { $0 * Double($1) }
    self.layers.append(
      PlannedLayer(kind: kind, tensors: tensors, flops: 2 * weights * Double(rows)))
  }
}
