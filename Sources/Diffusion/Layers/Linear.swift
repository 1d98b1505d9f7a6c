internal import CDiffusionKernels

/// A linear layer, or a 1×1 convolution, over the rows of a channels-last map.
struct Linear: Sendable {
  let weight: MatrixWeight
  let bias: FloatStorage?
  let inFeatures: Int
  let outFeatures: Int
  /// How a profile counts it.
  private let kind: LayerKind

  init(
    _ scope: WeightScope, in inFeatures: Int, out outFeatures: Int, bias: Bool = true,
    exact: Bool = false
  ) throws(DiffusionError) {
    try self.init([scope], in: inFeatures, out: outFeatures, bias: bias, exact: exact)
  }

  /// Several layers on the same input as one: their outputs stand side by side.
  /// There is at least one. `exact`: f32 whatever the model's precision.
  init(
    _ scopes: [WeightScope], in inFeatures: Int, out outFeatures: Int, bias: Bool,
    exact: Bool = false
  ) throws(DiffusionError) {
    var parts: [StoredTensor] = []
    for scope in scopes {
      parts.append(try scope.stored("weight", rows: outFeatures, columns: inFeatures))
    }
    let reader = scopes[0].reader
    weight = reader.matrix(
      parts, columns: inFeatures, form: exact ? .stored : reader.form(filtering: false))
    kind = parts[0].shape.count == 2 ? .linear : .pointwise
    self.inFeatures = inFeatures
    self.outFeatures = outFeatures * scopes.count
    guard bias else {
      self.bias = nil
      return
    }
    let joined = try FloatStorage(count: self.outFeatures, for: "biases")
    for (index, scope) in scopes.enumerated() {
      let part = try scope.vector("bias", count: outFeatures)
      (joined.mutable + index * outFeatures).update(from: part.pointer, count: outFeatures)
    }
    self.bias = joined
  }

  /// out = x · weightᵀ + bias (+ residual, which may be `out`); `out` is not `x`.
  func forward(
    _ x: Rows, rows: Int, into out: Rows, residual: Rows? = nil, _ compute: Compute
  ) throws(DiffusionError) {
    compute.begin(kind, rows: rows, inputs: inFeatures, outputs: outFeatures)
    defer { compute.end() }
    var source = dk_rows()
    source.data = UnsafePointer(x.data)
    source.stride = x.stride
    try WeightProduct(
      rows: source, count: rows, weight: weight, bias: bias?.pointer, residual: residual, out: out,
      compute
    ).run(compute)
    for adapter in compute.adapters?[weight] ?? [] {
      try adapter.add(source, count: rows, sourceCount: rows, onto: out, compute) {
        product throws(DiffusionError) in try product.run(compute)
      }
    }
  }

  func forward(
    _ x: Tensor, into out: Tensor, residual: Tensor? = nil, _ compute: Compute
  ) throws(DiffusionError) {
    precondition(x.channels == inFeatures && out.channels == outFeatures && x.rows == out.rows)
    try forward(
      Rows(x), rows: x.rows, into: Rows(out), residual: residual.map(Rows.init), compute)
  }
}
