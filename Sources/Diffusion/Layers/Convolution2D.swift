internal import CDiffusionKernels
internal import Cores

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
  /// Whether minimal filtering multiplies 16-bit integers where it pays.
  private let inIntegers: Bool

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
    inIntegers = !exact && scope.reader.precision != .f32
    self.padding = padding ?? Padding(before: kernel / 2, after: kernel / 2)
  }

  func outputSize(_ size: Int) -> Int {
    (size + padding.before + padding.after - kernel) / stride + 1
  }

  /// `out` has this layer's output size; `bias` replaces the layer's own; `residual` may be `out`.
  ///
  /// `enlarged` reads `x` as a map twice as large each way, or one less where `out` is one less:
  /// every pixel repeated. `rectified`: ReLU after it. `affine`, of minimal filtering alone, and without
  /// adapters: what ``GroupNorm/affine(_:_:)`` gives for `x`, which the layer sees normalised and after SiLU.
  func forward(
    _ x: Tensor, into out: Tensor, bias: UnsafePointer<Float>? = nil, residual: Tensor? = nil,
    enlarged: Bool = false, rectified: Bool = false, affine: Rows? = nil, _ compute: Compute
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
    let filters = adapters.isEmpty && algorithm(weight, for: out, compute) != .direct
    precondition(affine == nil || filters && !enlarged)
    let rectifiedInside = rectified && filters
    let patches = dk_rows(
      data: x.data, stride: x.channels, kernel: kernel == 1 && stride == 1 ? 0 : kernel,
      channels: inChannels, height: height, width: width, out_height: out.height,
      out_width: out.width, step: stride, padding: padding.before, enlarged: enlarged ? 1 : 0,
      norm: affine.map { UnsafePointer($0.data) })
    let product = try WeightProduct(
      rows: patches, count: out.rows, sourceCount: x.rows, weight: weight,
      bias: bias ?? self.bias.pointer,
      residual: residual.map(Rows.init), out: Rows(out), rectified: rectifiedInside,
      inIntegers: inIntegers(for: out, compute), compute)
    try run(product, weight, for: out, compute)
    for adapter in adapters {
      try adapter.add(
        patches, count: out.rows, sourceCount: x.rows, onto: Rows(out), compute
      ) { product throws(DiffusionError) in try run(product, adapter.down, for: out, compute) }
    }
    if rectified, !rectifiedInside { out.rectify(compute) }
  }

  /// out = conv(SiLU(norm(x))) + residual. Minimal filtering normalises as it goes; where there is none,
  /// it is done before, in place where `overwriting` is set.
  func forward(
    _ x: Tensor, after norm: GroupNorm, into out: Tensor, residual: Tensor? = nil,
    overwriting: Bool, _ compute: Compute
  ) throws(DiffusionError) {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let adapters = compute.adapters?[weight] ?? []
    if adapters.isEmpty, algorithm(weight, for: out, compute) != .direct {
      let affine = try norm.affine(x, compute)
      return try forward(x, into: out, residual: residual, affine: affine, compute)
    }
    let normed = overwriting ? x : try compute.arena.tensor(like: x)
    try norm.forward(x, into: normed, silu: true, compute)
    try forward(normed, into: out, residual: residual, compute)
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
    guard kernel == 3, stride == 1,
      weight.form.wordLength == 1 || weight === self.weight && inIntegers(for: out, compute)
    else { return .direct }
    return compute.algorithm
      ?? .best(height: out.height, width: compute.fullWidth ?? out.width, inChannels: inChannels)
  }

  /// Integers take less time where there are enough tiles to repay making them of the weights; against direct
  /// products of bytes, that takes more.
  private func inIntegers(for out: Tensor, _ compute: Compute) -> Bool {
    guard inIntegers, kernel == 3, stride == 1, inChannels >= 16 else { return false }
    let tiles = ((out.height + 3) / 4) * (((compute.fullWidth ?? out.width) + 3) / 4)
    return tiles >= (weight.form == .quads ? Self.tilesForBytes : Self.tilesForIntegers)
  }

  private static let tilesForIntegers = 64
  private static let tilesForBytes = 256
}
