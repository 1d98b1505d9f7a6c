/// diffusers' `Upsample2D`: each pixel repeated, then a convolution.
struct Upsample2D: Sendable {
  let conv: Convolution2D

  init(_ scope: WeightScope, channels: Int) throws(DiffusionError) {
    conv = try Convolution2D(scope["conv"], in: channels, out: channels)
  }

  /// The nearest pixel decides; `height` and `width` are twice the map's, or one less where the way
  /// down rounded up.
  func forward(
    _ x: Tensor, height: Int, width: Int, _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let out = try compute.arena.tensor(
      batch: x.batch, height: height, width: width, channels: x.channels)
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let large = try compute.arena.tensor(like: out)
    compute.begin(.layout, rows: large.rows, inputs: x.channels, outputs: x.channels)
    compute.pool.split(x.batch * height, grain: max(1, (1 << 13) / (width * x.channels))) { lines in
      for line in lines {
        let source = (line / height * x.height + line % height * x.height / height) * x.width
        for column in 0..<width {
          large.row(line * width + column).update(
            from: x.row(source + column * x.width / width), count: x.channels)
        }
      }
    }
    compute.end()
    try conv.forward(large, into: out, compute)
    return out
  }
}
