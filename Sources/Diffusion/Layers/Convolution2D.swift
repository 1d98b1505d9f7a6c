internal import CDiffusionKernels

/// A square convolution over a channels-last map.
struct Convolution2D: Sendable {
  /// What lies outside the map, in pixels before and after; all of it is 0.
  struct Padding: Sendable {
    let before: Int
    let after: Int

    static let same = Padding(before: 1, after: 1)
  }

  let weight: MatrixWeight
  let bias: FloatStorage
  let inChannels: Int
  let outChannels: Int
  let kernel: Int
  let stride: Int
  let padding: Padding

  /// `exact`: f32 whatever the model's precision.
  init(
    _ scope: WeightScope, in inChannels: Int, out outChannels: Int, kernel: Int = 3,
    stride: Int = 1, padding: Padding? = nil, hasBias: Bool = true, exact: Bool = false
  ) throws(DiffusionError) {
    let tensor = try scope.stored(
      "weight", shape: [outChannels, inChannels, kernel, kernel])
    weight = scope.reader.matrix(
      [tensor], columns: inChannels * kernel * kernel, taps: kernel * kernel,
      form: exact ? .stored : scope.reader.form(filtering: kernel == 3 && stride == 1))
    if hasBias {
      bias = try scope.vector("bias", count: outChannels)
    } else {
      bias = try FloatStorage(count: outChannels, for: "biases")
      bias.mutable.update(repeating: 0, count: outChannels)
    }
    self.inChannels = inChannels
    self.outChannels = outChannels
    self.kernel = kernel
    self.stride = stride
    self.padding = padding ?? Padding(before: kernel / 2, after: kernel / 2)
  }

  func outputSize(_ size: Int) -> Int {
    (size + padding.before + padding.after - kernel) / stride + 1
  }

  /// `out` has this layer's output size; `bias` replaces the layer's own; `residual` may be `out`.
  ///
  /// `enlarged` reads `x` as a map twice as large each way, or one less where `out` is one less:
  /// every pixel repeated. `rectified`: ReLU after it.
  func forward(
    _ x: Tensor, into out: Tensor, bias: UnsafePointer<Float>? = nil, residual: Tensor? = nil,
    enlarged: Bool = false, rectified: Bool = false, _ compute: Compute
  ) throws(DiffusionError) {
    let height = enlarged ? out.height : x.height
    let width = enlarged ? out.width : x.width
    precondition(
      x.channels == inChannels && out.channels == outChannels && x.batch == out.batch
        && out.height == outputSize(height) && out.width == outputSize(width)
        && (!enlarged || (height + 1) / 2 == x.height && (width + 1) / 2 == x.width))
    compute.begin(
      kernel == 1 ? .pointwise : .convolution, rows: out.rows,
      inputs: inChannels * kernel * kernel, outputs: outChannels)
    defer { compute.end() }
    let adapters = compute.adapters?[weight] ?? []
    let rectifiedInside =
      rectified && adapters.isEmpty && algorithm(weight, for: out, compute) != .direct
    let patches = dk_rows(
      data: x.data, stride: x.channels, kernel: kernel == 1 && stride == 1 ? 0 : kernel,
      channels: inChannels, height: height, width: width, out_height: out.height,
      out_width: out.width, step: stride, padding: padding.before, enlarged: enlarged ? 1 : 0)
    let product = try WeightProduct(
      rows: patches, count: out.rows, sourceCount: x.rows, weight: weight,
      bias: bias ?? self.bias.pointer,
      residual: residual.map(Rows.init), out: Rows(out), rectified: rectifiedInside, compute)
    try run(product, weight, for: out, compute)
    for adapter in adapters {
      try adapter.add(
        patches, count: out.rows, sourceCount: x.rows, onto: Rows(out), compute
      ) { product throws(DiffusionError) in try run(product, adapter.down, for: out, compute) }
    }
    if rectified, !rectifiedInside { out.rectify(compute) }
  }

  private func run(
    _ product: WeightProduct, _ weight: MatrixWeight, for out: Tensor, _ compute: Compute
  ) throws(DiffusionError) {
    switch algorithm(weight, for: out, compute) {
    case .direct: try product.run(compute)
    case .winograd2: try product.runWinograd(size: 2, batch: out.batch, compute)
    case .winograd4: try product.runWinograd(size: 4, batch: out.batch, compute)
    }
  }

  private func algorithm(
    _ weight: MatrixWeight, for out: Tensor, _ compute: Compute
  ) -> ConvolutionAlgorithm {
    // Minimal filtering is f32.
    guard kernel == 3, stride == 1, weight.form.wordLength == 1 else { return .direct }
    return compute.algorithm
      ?? .best(height: out.height, width: out.width, inChannels: inChannels)
  }
}
