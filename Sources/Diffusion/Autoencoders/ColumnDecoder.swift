internal import Cores

/// Latents on their way to a picture, a part of its columns at a time, from the left. Between two parts it holds the
/// latents, and what the next part fades in over.
///
/// Owned by one thread at a time.
final class ColumnDecoder {
  /// Parts that are done.
  private(set) var done = 0

  private let autoencoder: any Autoencoder
  private let latents: OwnedMap
  private let columns: OverlappedColumns
  /// The last part's share of the columns that the next one fades in over, [row, column, 3].
  private var edge: [Float] = []

  /// `latents` are as the autoencoder's decoder takes them.
  init(_ autoencoder: any Autoencoder, _ latents: OwnedMap) {
    self.autoencoder = autoencoder
    self.latents = latents
    columns = OverlappedColumns(width: latents.withTensor { $0.width }, autoencoder.decoding)
  }

  var parts: Int { columns.parts.count }

  /// Decodes the next part, which there must be. `check` runs before each of the autoencoder's own parts, `take`
  /// gets the pixels that are final, three values each, row by row; both end the work by throwing.
  func next(
    _ compute: Compute, check: (_ part: Int) throws -> Void,
    take: (_ row: Int, _ column: Int, _ values: UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let (own, seen) = (columns.parts[done].own, columns.parts[done].seen)
    let isFaded = columns.fade > 0
    let wanted =
      isFaded
      ? 0..<seen.count
      : own.lowerBound - seen.lowerBound..<own.upperBound - seen.lowerBound
    let decoded = try latents.withTensor { latents in
      try autoencoder.decode(
        parts == 1 ? latents : latents.columns(seen, compute.arena), of: latents.width,
        wanted: wanted, check: check, compute)
    }
    let pixels = autoencoder.pixelsPerColumn
    let picture = decoded.picture
    let first = seen.lowerBound * pixels + decoded.first
    if isFaded { blend(picture, first: first) }
    let settled = columns.settled(by: done, pixels: pixels)
    for row in 0..<picture.height {
      let start = picture.row(row * picture.width + settled.lowerBound - first)
      try take(
        row, settled.lowerBound, UnsafeBufferPointer(start: start, count: 3 * settled.count))
    }
    done += 1
  }

  /// Fades the part in over what the one before left of it, and keeps what the next one needs; its picture begins
  /// with pixel column `first`.
  private func blend(_ picture: Tensor, first: Int) {
    let pixels = autoencoder.pixelsPerColumn
    let settled = columns.settled(by: done, pixels: pixels)
    let width = 2 * columns.fade * pixels
    /// A value's share, of `width` columns from `start` on.
    func shares(
      _ start: Int, _ body: (_ place: Int, _ value: UnsafeMutablePointer<Float>, Float) -> Void
    ) {
      for column in 0..<width {
        let share = columns.share(of: done, at: start + column, pixels: pixels)
        for row in 0..<picture.height {
          let values = picture.row(row * picture.width + start + column - first)
          for channel in 0..<3 {
            body(3 * (row * width + column) + channel, values + channel, share)
          }
        }
      }
    }
    if done > 0 {
      shares(settled.lowerBound) { place, value, share in
        value.pointee = edge[place] + share * value.pointee
      }
    }
    edge = []
    guard done < parts - 1 else { return }
    edge = [Float](repeating: 0, count: 3 * width * picture.height)
    shares(settled.upperBound) { place, value, share in edge[place] = share * value.pointee }
  }
}

extension Tensor {
  /// Some of its columns, copied to the arena's present scope.
  func columns(_ range: Range<Int>, _ arena: Arena) throws(DiffusionError) -> Tensor {
    let part = try arena.tensor(
      batch: batch, height: height, width: range.count, channels: channels)
    part.copy(range, of: self)
    return part
  }

  /// Copies some of the columns of `other`, of which it has as many.
  func copy(_ columns: Range<Int>, of other: Tensor) {
    precondition(
      columns.count == width && other.batch * other.height == batch * height
        && other.channels == channels)
    for line in 0..<batch * height {
      row(line * width).update(
        from: other.row(line * other.width + columns.lowerBound), count: width * channels)
    }
  }
}
